"""Build one answer: main objects with the requested fields, includes, partial errors."""

from __future__ import annotations

from typing import TYPE_CHECKING

from xframes.sandbox.world.snowflakes import DAY_MS

from . import object_json
from .problem_json import Partial

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from xframes.sandbox.world.community import Community
    from xframes.sandbox.world.model import Event, Media, Person, Post, Space, UserList
    from xframes.sandbox.world.news import Story
    from xframes.schema import Vocabulary

    from .object_json import Json
    from .page_tokens import Dated
    from .request_params import CheckedRequest

_DEFAULTS = {
    "post": {"id", "text", "edit_history_tweet_ids"},
    "user": {"id", "name", "username"},
    "media": {"media_key", "type"},
    "poll": {"id", "options"},
    "place": {"id", "full_name"},
    "list": {"id", "name"},
    "space": {"id", "state"},
    "topic": {"id", "name"},
    "dm": {"id", "event_type", "text"},
    "community": {"id", "name"},
    "news": {"id", "name"},
}
# An expansion also adds the field that refers to the object.
_ADDED_FIELDS = {
    "author_id": "author_id",
    "in_reply_to_user_id": "in_reply_to_user_id",
    "referenced_tweets.id": "referenced_tweets",
    "referenced_tweets.id.author_id": "referenced_tweets",
    "referenced_tweets.id.attachments.media_keys": "referenced_tweets",
    "attachments.media_keys": "attachments",
    "attachments.poll_ids": "attachments",
    "geo.place_id": "geo",
    "attachments.media_source_tweet": "attachments",
    "entities.mentions.username": "entities",
    "entities.note.mentions.username": "note_tweet",
    "pinned_tweet_id": "pinned_tweet_id",
    "most_recent_tweet_id": "most_recent_tweet_id",
    "affiliation.user_id": "affiliation",
    "owner_id": "owner_id",
    "creator_id": "creator_id",
    "host_ids": "host_ids",
    "speaker_ids": "speaker_ids",
    "invited_user_ids": "invited_user_ids",
    "topic_ids": "topics",
    "sender_id": "sender_id",
    "participant_ids": "participant_ids",
}
# Measures for a post's author only, for 30 days. There are no promoted posts here.
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
    """One answer under construction. It is one observation: each post counts as read once."""

    def __init__(
        self, community: Community, request: CheckedRequest, words: Vocabulary, now: int,
        viewer: Person | None,
    ) -> None:
        self._now = now
        self._viewer = viewer
        self._community = community
        self._request = request
        self._words = words
        self.errors = Partial(words)
        self._includes: dict[str, dict[str, Json]] = {}
        self._reads: dict[int, int] = {}
        self._names = {kind: request.fields.get(kind, frozenset()) | names
                       for kind, names in _DEFAULTS.items()}
        if request.action.objects in self._names:
            added = {_ADDED_FIELDS[name] for name in request.expansions if name in _ADDED_FIELDS}
            self._names[request.action.objects] |= added
        if "referenced_tweets.id.author_id" in request.expansions:
            self._names["post"] |= {"author_id"}
        if "topic_ids" in self._names["space"]:  # requested as ids, sent as objects
            self._names["space"] |= {"topics"}

    # -- main objects -----------------------------------------------------------------------------

    def body(self, data: list[Json] | Json | None, meta: Json | None = None) -> Json:
        """Return the answer, without an empty `data`, as X does."""
        body: Json = {}
        if data:
            body["data"] = data
        includes = {kind: list(by_id.values()) for kind, by_id in self._includes.items() if by_id}
        if includes:
            body["includes"] = includes
        if self.errors.items:
            body["errors"] = self.errors.items
        if meta is not None:
            body["meta"] = meta
        return body

    def posts(self, posts: Iterable[Post]) -> list[Json]:
        """Return posts as main objects, and include their expansions."""
        main = list(posts)
        rows = [self._post(post) for post in main]
        for post in main:
            self._expand_post(post)
            self._deny_fields(post)
        return rows

    def people(self, people: Iterable[Person]) -> list[Json]:
        """Return accounts as main objects, and include their expansions."""
        main = list(people)
        rows = [self._person(person) for person in main]
        for person in main:
            self._expand_person(person)
        return rows

    def lists(self, lists: Iterable[UserList]) -> list[Json]:
        """Return lists as main objects, and include their owners if requested."""
        rows = []
        for each in lists:
            rows.append(self._selected("list", object_json.list_json(each)))
            if "owner_id" in self._request.expansions:
                self._include_person(each.owner)
        return rows

    def spaces(self, spaces: Iterable[Space]) -> list[Json]:
        """Return Spaces as main objects, and include their people and topics if requested."""
        rows = []
        for space in spaces:
            rows.append(self._selected("space", object_json.space_json(space)))
            self._expand_space(space)
        return rows

    def media(self, media: Iterable[Media]) -> list[Json]:
        """Return media as main object_json."""
        return [self._selected("media", object_json.media_json(each)) for each in media]

    def communities(self, topics: Iterable[int]) -> list[Json]:
        """Return the communities of topics as main object_json."""
        return [self._selected("community", object_json.community_json(self._community, topic))
                for topic in topics]

    def stories(self, stories: Iterable[Story]) -> list[Json]:
        """Return news stories as main objects; requests name their id and time in post words."""
        names = self._names["news"] | {"rest_id"}
        if "updated_at" in names:
            names |= {"last_updated_at_ms"}
        return [
            self._chosen(object_json.story_json(story, self._words), names) for story in stories
        ]

    def events(self, events: Iterable[Event]) -> list[Json]:
        """Return events of conversations as main objects, and include their expansions."""
        rows = []
        for event in events:
            names = self._names["dm"]
            if event.people:
                names = names | {"participant_ids"}
            row = self._chosen(object_json.event_json(event), names)
            rows.append(object_json.event_words(row, self._words))
            self._expand_event(event)
        return rows

    # -- one object -------------------------------------------------------------------------------

    def _selected(self, kind: str, full: Json) -> Json:
        return self._chosen(full, self._names[kind])

    def _chosen(self, full: Json, names: Iterable[str]) -> Json:
        fields = {name: value for name, value in full.items() if name in names}
        if self._words == "post":
            return object_json.reword(fields)
        return fields

    def _post(self, post: Post) -> Json:
        full = object_json.post_json(post)
        if "public_metrics" in self._names["post"]:
            full = {**full, "public_metrics": self._post_metrics(post)}
        for field in self._names["post"].intersection(_PRIVATE):
            if self._may_read(post, field):
                metrics = self._post_metrics(post)
                full = {**full, field: {name: metrics[name] for name in _PRIVATE[field]}}
        return self._selected("post", full)

    def _may_read(self, post: Post, field: str) -> bool:
        """Whether the viewer may read a private measure: of a young post of their own."""
        is_young = self._now - post.at <= _PRIVATE_DAYS * DAY_MS
        is_own = post.author is self._viewer and post.original is None
        return bool(_PRIVATE[field]) and is_own and is_young

    def _post_metrics(self, post: Post) -> Json:
        source = post.original or post
        if post.id not in self._reads:
            self._reads[post.id] = self._community.read_post(post)
        reads = self._reads.get(source.id, source.reads)

        def now(final: int) -> int:
            if source.made is not None:  # a post made by a request has no outside readers
                return final
            return self._community.grown(final, reads, source.at)

        if post is not source:  # a repost has only the repost count of its original
            return {"retweet_count": now(source.reposts), "reply_count": 0, "like_count": 0,
                    "quote_count": 0, "bookmark_count": 0, "impression_count": 0}
        return {"retweet_count": now(post.reposts), "reply_count": now(post.replies),
                "like_count": now(post.likes), "quote_count": now(post.quotes),
                "bookmark_count": now(post.bookmarks), "impression_count": now(post.impressions)}

    def _person(self, person: Person) -> Json:
        full = object_json.person_json(person)
        if "public_metrics" in self._names["user"]:
            if person.id not in self._reads:
                self._reads[person.id] = self._community.read_person(person)
            full["public_metrics"] = {
                "followers_count": person.followers_count + self._reads[person.id],
                "following_count": person.following_count, "tweet_count": person.posts_count,
                "listed_count": person.listed_count, "like_count": person.likes_count,
            }
            if self._words == "post":
                full["public_metrics"]["media_count"] = person.media_count
        if self._viewer is not None and "connection_status" in self._names["user"]:
            full["connection_status"] = self._connection(self._viewer, person)
        return self._selected("user", full)

    def _connection(self, viewer: Person, person: Person) -> list[str]:
        """Return the relations of the authenticated user to an account, in X's words."""
        mine = self._community.kept(viewer)
        relations = {
            "follow_request_sent": person in mine.follow_requests,
            "blocking": person in mine.blocks,
            "followed_by": viewer in person.following,
            "following": viewer in person.followers,
            "muting": person in mine.mutes,
        }
        return [word for word, is_true in relations.items() if is_true]

    def _deny_fields(self, post: Post) -> None:
        """Add an error for each requested measure that is private to another person, as X does."""
        parameter = "id" if self._request.action.single else "ids"
        for field in _PRIVATE:
            is_requested = field in self._request.fields.get("post", ())
            if is_requested and not self._may_read(post, field):
                self.errors.field_denied("post", parameter, str(post.id), field)

    # -- includes ---------------------------------------------------------------------------------

    def _include(self, kind: str, key: str, row: Json) -> None:
        self._includes.setdefault(kind, {}).setdefault(key, row)

    def _include_person(self, person: Person) -> None:
        if str(person.id) not in self._includes.setdefault("users", {}):
            self._include("users", str(person.id), self._person(person))

    def _include_media(self, media: Iterable[Media]) -> None:
        for each in media:
            self._include("media", each.key, self._selected("media", object_json.media_json(each)))

    def _include_post(self, post: Post) -> None:
        kind = "posts" if self._words == "post" else "tweets"
        if str(post.id) not in self._includes.setdefault(kind, {}):
            self._include(kind, str(post.id), self._post(post))

    def _parameter(self, expansion: str) -> str:
        if self._words == "post":
            return _IN_POST_WORDS.get(expansion, expansion)
        return expansion

    def find_post(self, id: int, parameter: str, section: str) -> Post | None:
        """Return a post that may be seen, or add an error and return None."""
        post = self._community.posts.get(id)
        if post is None or post.state == "deleted" or post.author.standing == "suspended":
            self.errors.not_found("post", parameter, str(id))
        elif not self.sees(post.author):
            self.errors.not_authorized("post", parameter, str(id), section)
        else:
            return post
        return None

    def sees(self, author: Person) -> bool:
        """Whether the viewer may read an author's posts: protected accounts are for followers."""
        if author.standing != "protected" or self._viewer is author:
            return True
        return self._viewer is not None and self._viewer in author.followers

    def find_person(self, person: Person | None, parameter: str, value: str) -> Person | None:
        """Return an account that may be seen, or add an error and return None."""
        if person is None:
            self.errors.not_found("user", parameter, value)
        elif person.standing == "suspended":
            self.errors.suspended(parameter, value)
        else:
            return person
        return None

    def _expand_post(self, post: Post) -> None:
        wanted = self._request.expansions
        if "author_id" in wanted:
            self._include_person(post.author)
        if "in_reply_to_user_id" in wanted and post.reply_to is not None:
            value = str(post.reply_to.id)
            self._include_found(self.find_person(post.reply_to, "in_reply_to_user_id", value))
        self._expand_mentions(post)
        self._expand_attached(post)
        if "edit_history_tweet_ids" in wanted:
            for id in post.versions:
                self._expand_id(id, "edit_history_tweet_ids")
        self._expand_references(post)

    def _expand_mentions(self, post: Post) -> None:
        parameters: dict[str, str] = {}  # by username
        sources = {"entities.mentions.username": post.entities}
        if post.note is not None:
            sources["entities.note.mentions.username"] = post.note[1]
        for parameter, entities in sources.items():
            if parameter in self._request.expansions:
                mentions = entities.get("mentions", ())
                parameters |= {each["username"]: parameter for each in mentions}
        for username, parameter in parameters.items():
            person = self._community.usernames.get(username.lower())
            self._include_found(self.find_person(person, parameter, username))

    def _expand_attached(self, post: Post) -> None:
        wanted = self._request.expansions
        if "attachments.media_keys" in wanted:
            self._include_media(post.media)
        if "attachments.poll_ids" in wanted and post.poll is not None:
            poll = object_json.poll_json(post.poll, self._now)
            self._include("polls", poll["id"], self._selected("poll", poll))
        if "geo.place_id" in wanted and post.place is not None:
            place = self._selected("place", object_json.place_json(post.place))
            self._include("places", post.place.id, place)

    def _expand_references(self, post: Post) -> None:
        wanted = self._request.expansions
        if not any(name.startswith("referenced_tweets") for name in wanted):
            return
        references = post.references
        if post.original is not None:  # one step further: a reposted quote also includes its post
            references += post.original.references
        for _, id in references:
            found = self.find_post(id, self._parameter("referenced_tweets.id"), "includes")
            if found is None:
                continue
            if "referenced_tweets.id" in wanted:
                self._include_post(found)
            if "referenced_tweets.id.author_id" in wanted:
                self._include_person(found.author)
            if "referenced_tweets.id.attachments.media_keys" in wanted:
                self._include_media(found.media)

    def _expand_person(self, person: Person) -> None:
        ids = {"pinned_tweet_id": person.pinned, "most_recent_tweet_id": person.latest}
        for expansion, id in ids.items():
            if expansion in self._request.expansions and id is not None:
                self._expand_id(id, expansion)
        if "affiliation.user_id" in self._request.expansions and person.employer is not None:
            self._include_person(person.employer)

    def _expand_space(self, space: Space) -> None:
        people = {"creator_id": [space.creator], "host_ids": space.hosts,
                  "speaker_ids": space.speakers, "invited_user_ids": space.invited}
        for expansion in [each for each in people if each in self._request.expansions]:
            for person in people[expansion]:
                self._include_person(person)
        if "topic_ids" in self._request.expansions:
            topic = object_json.topic_json(space.topic)
            self._include("topics", topic["id"], self._selected("topic", topic))

    def _expand_event(self, event: Event) -> None:
        wanted = self._request.expansions
        if "sender_id" in wanted:
            self._include_person(event.sender)
        if "participant_ids" in wanted:
            for person in event.people:
                self._include_person(person)
        if "attachments.media_keys" in wanted:
            self._include_media(event.media)
        if "referenced_tweets.id" in wanted:
            for id in event.posts:
                self._expand_id(id, "referenced_tweets.id")

    def _expand_id(self, id: int, expansion: str) -> None:
        """Include the post with an id, or add an error."""
        post = self.find_post(id, self._parameter(expansion), "includes")
        if post is not None:
            self._include_post(post)

    def _include_found(self, person: Person | None) -> None:
        if person is not None:
            self._include_person(person)


def page_meta(rows: Sequence[Dated], links: dict[str, str], *, span: bool) -> Json:
    """Return the meta of a page: with `span` the newest and oldest id, then count and tokens."""
    meta: Json = {}
    if span and rows:
        ids = [row.id for row in rows]
        meta = {"newest_id": str(max(ids)), "oldest_id": str(min(ids))}
    return meta | {"result_count": len(rows)} | links
