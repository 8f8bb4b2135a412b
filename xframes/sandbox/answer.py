"""Build one answer: main objects with the fields asked for, includes for the expansions asked for, partial errors."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from . import objects, subjects
from .people import DAY_MS
from .problems import Partial

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from xframes.schema import Vocabulary

    from .asked import Asked
    from .community import Community
    from .model import Event, Media, Person, Post, Space, UserList
    from .objects import Json
    from .paging import Dated
    from .subjects import Story

_DEFAULTS = {
    "post": {"id", "text", "edit_history_tweet_ids"}, "user": {"id", "name", "username"},
    "media": {"media_key", "type"},
    "poll": {"id", "options"}, "place": {"id", "full_name"}, "list": {"id", "name"}, "space": {"id", "state"},
    "topic": {"id", "name"}, "dm": {"id", "event_type", "text"}, "community": {"id", "name"}, "news": {"id", "name"},
}
# Asking for what a field points at brings the field along.
_BRINGS = {
    "author_id": "author_id", "in_reply_to_user_id": "in_reply_to_user_id", "referenced_tweets.id": "referenced_tweets",
    "referenced_tweets.id.author_id": "referenced_tweets",
    "referenced_tweets.id.attachments.media_keys": "referenced_tweets",
    "attachments.media_keys": "attachments", "attachments.poll_ids": "attachments", "geo.place_id": "geo",
    "attachments.media_source_tweet": "attachments", "entities.mentions.username": "entities",
    "entities.note.mentions.username": "note_tweet", "pinned_tweet_id": "pinned_tweet_id",
    "most_recent_tweet_id": "most_recent_tweet_id", "affiliation.user_id": "affiliation", "owner_id": "owner_id",
    "creator_id": "creator_id", "host_ids": "host_ids", "speaker_ids": "speaker_ids",
    "invited_user_ids": "invited_user_ids", "topic_ids": "topics",
    "sender_id": "sender_id", "participant_ids": "participant_ids",
}
# What only a post's author is told, and for how long. Nobody promotes posts here.
_PRIVATE: dict[str, tuple[str, ...]] = {
    "non_public_metrics": ("impression_count",),
    "organic_metrics": ("impression_count", "retweet_count", "reply_count", "like_count"),
    "promoted_metrics": (),
}
_PRIVATE_DAYS = 30
_IN_POST_WORDS = {
    "referenced_tweets.id": "referenced_posts", "edit_history_tweet_ids": "edit_history_post_ids",
    "pinned_tweet_id": "pinned_post_id", "most_recent_tweet_id": "most_recent_post_id",
    "affiliation.user_id": "affiliation",
}


class Answer:
    """One answer under construction. Everything it holds is one observation: a post counts as read once."""

    def __init__(
        self, community: Community, asked: Asked, words: Vocabulary, now: int, viewer: Person | None
    ) -> None:
        self._now = now
        self._viewer = viewer
        self._community = community
        self._asked = asked
        self._words = words
        self.errors = Partial(words)
        self._includes: dict[str, dict[str, Json]] = {}
        self._reads: dict[int, int] = {}
        brought = {_BRINGS[name] for name in asked.expansions if name in _BRINGS}
        self._names = {kind: asked.fields.get(kind, frozenset()) | names for kind, names in _DEFAULTS.items()}
        if asked.action.objects in self._names:
            self._names[asked.action.objects] |= brought
        if "referenced_tweets.id.author_id" in asked.expansions:
            self._names["post"] |= {"author_id"}
        if "topic_ids" in self._names["space"]:  # asked as ids, answered as objects
            self._names["space"] |= {"topics"}

    # -- the whole ----------------------------------------------------------------------------------------------

    def body(self, data: list[Json] | Json | None, meta: Json | None = None) -> Json:
        """Return the answer; an empty `data` is left out, as X does."""
        made: Json = {"data": data} if data else {}
        includes = {kind: list(found.values()) for kind, found in self._includes.items() if found}
        if includes:
            made["includes"] = includes
        if self.errors.items:
            made["errors"] = self.errors.items
        if meta is not None:
            made["meta"] = meta
        return made

    def posts(self, posts: Iterable[Post]) -> list[Json]:
        """Return posts as main objects, their expansions included."""
        found = list(posts)
        made = [self._post(post) for post in found]
        for post in found:
            self._expand_post(post)
            self._deny(post)
        return made

    def people(self, people: Iterable[Person]) -> list[Json]:
        """Return accounts as main objects, their expansions included."""
        found = list(people)
        made = [self._person(person) for person in found]
        for person in found:
            self._expand_person(person)
        return made

    def lists(self, lists: Iterable[UserList]) -> list[Json]:
        """Return lists as main objects, their owners included if asked for."""
        made = []
        for each in lists:
            made.append(self._selected("list", objects.list_json(each)))
            if "owner_id" in self._asked.expansions:
                self._include_person(each.owner)
        return made

    def spaces(self, spaces: Iterable[Space]) -> list[Json]:
        """Return spaces as main objects, their people and topics included if asked for."""
        made = []
        for space in spaces:
            made.append(self._selected("space", objects.space_json(space)))
            for name, people in (("creator_id", [space.creator]), ("host_ids", space.hosts),
                                 ("speaker_ids", space.speakers), ("invited_user_ids", space.invited)):
                if name in self._asked.expansions:
                    for person in people:
                        self._include_person(person)
            if "topic_ids" in self._asked.expansions:
                topic = objects.topic_json(space.topic)
                self._include("topics", topic["id"], self._selected("topic", topic))
        return made

    def media(self, media: Iterable[Media]) -> list[Json]:
        """Return media as main objects."""
        return [self._selected("media", objects.media_json(each)) for each in media]

    def communities(self, topics: Iterable[int]) -> list[Json]:
        """Return the communities of topics as main objects."""
        return [self._selected("community", subjects.community_json(self._community, topic)) for topic in topics]

    def stories(self, stories: Iterable[Story]) -> list[Json]:
        """Return news stories as main objects; their id and time are asked for by the names of post words."""
        names = self._names["news"] | ({"last_updated_at_ms"} if "updated_at" in self._names["news"] else set())
        return [self._chosen(subjects.story_json(story, self._words), {*names, "rest_id"}) for story in stories]

    def events(self, events: Iterable[Event]) -> list[Json]:
        """Return events of conversations as main objects, what they name included if asked for."""
        made = []
        wanted = self._asked.expansions
        for event in events:
            names = self._names["dm"] | ({"participant_ids"} if event.people else set())
            made.append(objects.event_words(self._chosen(objects.event_json(event), names), self._words))
            if "sender_id" in wanted:
                self._include_person(event.sender)
            if "participant_ids" in wanted:
                for person in event.people:
                    self._include_person(person)
            if "attachments.media_keys" in wanted:
                self._include_media(event.media)
            if "referenced_tweets.id" in wanted:
                for id in event.posts:
                    if (post := self.find_post(id, self._parameter("referenced_tweets.id"), "includes")) is not None:
                        self._include_post(post)
        return made

    # -- one object ---------------------------------------------------------------------------------------------

    def _selected(self, kind: str, full: Json) -> Json:
        return self._chosen(full, self._names[kind])

    def _chosen(self, full: Json, names: Iterable[str]) -> Json:
        made = {name: value for name, value in full.items() if name in names}
        return objects.reword(made) if self._words == "post" else made

    def _post(self, post: Post) -> Json:
        full = objects.post_json(post)
        if "public_metrics" in self._names["post"]:
            full = {**full, "public_metrics": self._post_metrics(post)}
        for field in self._names["post"].intersection(_PRIVATE):
            if self._owns(post, field):
                full = {**full, field: {name: self._post_metrics(post)[name] for name in _PRIVATE[field]}}
        return self._selected("post", full)

    def _owns(self, post: Post, field: str) -> bool:
        """Whether whoever asks may have a private measure: their own post's, young enough, and never promoted here."""
        young = self._now - post.at <= _PRIVATE_DAYS * DAY_MS
        return bool(_PRIVATE[field]) and post.author is self._viewer and post.original is None and young

    def _post_metrics(self, post: Post) -> Json:
        source = post.original or post
        if post.id not in self._reads:
            self._reads[post.id] = self._community.read_post(post)
        reads = self._reads.get(source.id, source.reads)

        def now(final: int) -> int:
            if source.made is not None:  # nobody beyond the community knows what was posted here
                return final
            return self._community.grown(final, reads, source.at)

        if post is not source:  # a repost has no life of its own but the count of what it repeats
            return {"retweet_count": now(source.reposts), "reply_count": 0, "like_count": 0, "quote_count": 0,
                    "bookmark_count": 0, "impression_count": 0}
        return {"retweet_count": now(post.reposts), "reply_count": now(post.replies), "like_count": now(post.likes),
                "quote_count": now(post.quotes), "bookmark_count": now(post.bookmarks),
                "impression_count": now(post.impressions)}

    def _person(self, person: Person) -> Json:
        full = objects.person_json(person)
        if "public_metrics" in self._names["user"]:
            if person.id not in self._reads:
                self._reads[person.id] = self._community.read_person(person)
            reads = self._reads[person.id]
            full["public_metrics"] = {
                "followers_count": person.followers_count + reads, "following_count": person.following_count,
                "tweet_count": person.posts_count, "listed_count": person.listed_count,
                "like_count": person.likes_count,
                **({"media_count": person.media_count} if self._words == "post" else {}),
            }
        if self._viewer is not None and "connection_status" in self._names["user"]:
            full["connection_status"] = self._connection(self._viewer, person)
        return self._selected("user", full)

    def _connection(self, viewer: Person, person: Person) -> list[str]:
        """How the authenticated user and an account stand to each other, in X's words."""
        kept = self._community.kept(viewer)
        holds = {"follow_request_sent": person in kept.asked, "blocking": person in kept.blocks,
                 "followed_by": viewer in person.following, "following": viewer in person.followers,
                 "muting": person in kept.mutes}
        return [word for word, held in holds.items() if held]

    def _deny(self, post: Post) -> None:
        """Measures that are for somebody else's eyes: said for each post, as X does."""
        for field in _PRIVATE:
            if field in self._asked.fields.get("post", ()) and not self._owns(post, field):
                self.errors.field_denied("post", "id" if self._asked.action.single else "ids", str(post.id), field)

    # -- includes -----------------------------------------------------------------------------------------------

    def _include(self, kind: str, key: str, made: Json) -> None:
        self._includes.setdefault(kind, {}).setdefault(key, made)

    def _include_person(self, person: Person) -> None:
        if str(person.id) not in self._includes.setdefault("users", {}):
            self._include("users", str(person.id), self._person(person))

    def _include_media(self, media: Iterable[Media]) -> None:
        for each in media:
            self._include("media", each.key, self._selected("media", objects.media_json(each)))

    def _include_post(self, post: Post) -> None:
        kind = "posts" if self._words == "post" else "tweets"
        if str(post.id) not in self._includes.setdefault(kind, {}):
            self._include(kind, str(post.id), self._post(post))

    def _parameter(self, expansion: str) -> str:
        return _IN_POST_WORDS.get(expansion, expansion) if self._words == "post" else expansion

    def find_post(self, id: int, parameter: str, section: str) -> Post | None:
        """Return a post that may be seen, or None after saying why not."""
        post = self._community.posts.get(id)
        if post is None or post.state == "deleted" or post.author.standing == "suspended":
            self.errors.not_found("post", parameter, str(id))
        elif not self.sees(post.author):
            self.errors.not_authorized("post", parameter, str(id), section)
        else:
            return post
        return None

    def sees(self, author: Person) -> bool:
        """Whether whoever asks may read what somebody posts: protected accounts are for their followers."""
        viewer = self._viewer
        return author.standing != "protected" or viewer is author or (viewer is not None and viewer in author.followers)

    def find_person(self, person: Person | None, parameter: str, value: str) -> Person | None:
        """Return an account that may be seen, or None after saying why not."""
        if person is None:
            self.errors.not_found("user", parameter, value)
        elif person.standing == "suspended":
            self.errors.suspended(parameter, value)
        else:
            return person
        return None

    def _expand_post(self, post: Post) -> None:
        wanted = self._asked.expansions
        if "author_id" in wanted:
            self._include_person(post.author)
        if "in_reply_to_user_id" in wanted and post.reply_to is not None:
            person = self.find_person(post.reply_to, "in_reply_to_user_id", str(post.reply_to.id))
            if person is not None:
                self._include_person(person)
        self._expand_mentions(post)
        self._expand_attached(post)
        if "edit_history_tweet_ids" in wanted:
            for id in post.versions:
                found = self.find_post(id, self._parameter("edit_history_tweet_ids"), "includes")
                if found is not None:
                    self._include_post(found)
        self._expand_references(post)

    def _expand_mentions(self, post: Post) -> None:
        named: dict[str, str] = {}
        if "entities.mentions.username" in self._asked.expansions:
            named |= {m["username"]: "entities.mentions.username" for m in post.entities.get("mentions", ())}
        if "entities.note.mentions.username" in self._asked.expansions and post.note is not None:
            named |= {m["username"]: "entities.note.mentions.username" for m in post.note[1].get("mentions", ())}
        for username, parameter in named.items():
            person = self.find_person(self._community.usernames.get(username.lower()), parameter, username)
            if person is not None:
                self._include_person(person)

    def _expand_attached(self, post: Post, *, of_main: bool = True) -> None:
        wanted = self._asked.expansions
        if ("attachments.media_keys" if of_main else "referenced_tweets.id.attachments.media_keys") in wanted:
            self._include_media(post.media)
        if not of_main:
            return
        if "attachments.poll_ids" in wanted and post.poll is not None:
            poll = objects.poll_json(post.poll, self._now)
            self._include("polls", poll["id"], self._selected("poll", poll))
        if "geo.place_id" in wanted and post.place is not None:
            self._include("places", post.place.id, self._selected("place", objects.place_json(post.place)))

    def _expand_references(self, post: Post) -> None:
        wanted = self._asked.expansions
        if not any(name.startswith("referenced_tweets") for name in wanted):
            return
        # What a repost repeats is followed one step further: a reposted quote brings the post it quotes.
        further = post.original.references if post.original is not None else ()
        for _, id in (*post.references, *further):
            found = self.find_post(id, self._parameter("referenced_tweets.id"), "includes")
            if found is None:
                continue
            if "referenced_tweets.id" in wanted:
                self._include_post(found)
            if "referenced_tweets.id.author_id" in wanted:
                self._include_person(found.author)
            self._expand_attached(found, of_main=False)

    def _expand_person(self, person: Person) -> None:
        for expansion, id in (("pinned_tweet_id", person.pinned), ("most_recent_tweet_id", person.latest)):
            if expansion in self._asked.expansions and id is not None:
                found = self.find_post(id, self._parameter(expansion), "includes")
                if found is not None:
                    self._include_post(found)
        if "affiliation.user_id" in self._asked.expansions and person.employer is not None:
            self._include_person(person.employer)


def page_meta(span: Sequence[Dated], count: int, more: dict[str, Any]) -> Json:
    """Return the meta of a page: newest and oldest id of `span` if there is any, how many, and the tokens in `more`."""
    ids = [row.id for row in span]
    made: Json = {"newest_id": str(max(ids)), "oldest_id": str(min(ids))} if ids else {}
    return made | {"result_count": count} | more
