"""Write the sandbox's posts: one function per kind of text, each returning a finished draft."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from . import lexicon
from .draft import ELLIPSIS, LIMIT, Draft, cut, shift, short_link, weight
from .model import Media, MediaKind, Poll

if TYPE_CHECKING:
    from random import Random

    from .model import Entities, Person, Place, Post

REPOST_LIMIT = 140  # code points of "RT @user: …" before X cuts it
_KINDS: tuple[tuple[MediaKind, str, int], ...] = (
    ("photo", "3", 62),
    ("video", "7", 24),
    ("animated_gif", "16", 14),
)
_VOWEL = re.compile(r"\ba (?=[aeio])", re.IGNORECASE)


def sentence(rng: Random, draft: Draft, topic: int, lang: str) -> None:
    """Append one sentence about a topic; its topic word is a hashtag now and then."""
    about = lexicon.TOPICS[topic]
    if lang == "en":
        raw = _VOWEL.sub("an ", rng.choice(about.sentences).format(thing=rng.choice(about.things)))
        word = about.word
    else:
        words, sentences = lexicon.FOREIGN[lang]
        word = words[topic]
        raw = rng.choice(sentences).format(thing=word)
    head, found, tail = raw.partition(word)
    if found and lang != "ja" and rng.random() < 0.15:
        draft.say(head).hashtag(word).say(tail)
    else:
        draft.say(raw)


def original(
    rng: Random,
    author: Person,
    topic: int,
    place: Place | None,
    mentioned: list[tuple[str, int | None]],
) -> Draft:
    """Return an original post about a topic."""
    draft = Draft()
    about, lang = lexicon.TOPICS[topic], author.lang
    if lang == "en" and rng.random() < 0.3:
        draft.say(rng.choice(lexicon.OPENERS)).gap()
    if rng.random() < 0.2:
        draft.say(rng.choice(about.emoji)).gap()
    sentence(rng, draft, topic, lang)
    for username, id in mentioned:
        draft.gap().say("cc").gap().mention(username, id)
    if lang == "en" and rng.random() < 0.3:
        draft.stop().gap().say(rng.choice(lexicon.CLOSERS))
    if place is not None and rng.random() < 0.5:
        draft.gap().say("\U0001f4cd").gap().name(place.name, "Place")
    if rng.random() < 0.35:
        for tag in rng.sample(about.tags, rng.choice((1, 1, 2, 3))):
            draft.gap().hashtag(tag)
    if about.cashtags and rng.random() < 0.08:
        draft.gap().cashtag(rng.choice(about.cashtags))
    if rng.random() < 0.15:
        draft.gap("\n" if rng.random() < 0.3 else " ").say(rng.choice(about.emoji))
    return draft


def long_form(rng: Random, topic: int) -> Draft:
    """Return a text of more than 280 characters: several sentences in paragraphs."""
    draft = Draft()
    about = lexicon.TOPICS[topic]
    wanted = rng.randrange(LIMIT + 60, 1400)
    while len(draft) < wanted:
        draft.gap("\n\n" if rng.random() < 0.2 else " ")
        sentence(rng, draft, topic, "en")
        draft.stop()
        if rng.random() < 0.3:
            draft.gap().say(rng.choice(lexicon.CLOSERS))
    for tag in about.tags[:2]:
        draft.gap().hashtag(tag)
    return draft


def shorten(rng: Random, note: Draft, id: int) -> Draft:
    """Return the short `text` of a long post: its beginning, an ellipsis, a link to the post."""
    text = note.text
    end = cut(text, note.entities, LIMIT - 30)
    space = text.rfind(" ", 0, end)
    end = cut(text, note.entities, space) if space > 0 else end
    short = Draft()
    short.raw(text[:end].rstrip(), shift(note.entities, 0, end))
    url = f"https://x.com/i/web/status/{id}"
    return (
        short.say(ELLIPSIS)
        .gap()
        .link(short_link(rng), {"expanded_url": url, "display_url": url[8:28] + ELLIPSIS})
    )


def reply(rng: Random, author: Person, topic: int, opening: list[Person]) -> tuple[Draft, int]:
    """Return a reply with its opening mentions, and the start of its displayed text."""
    draft = Draft()
    for person in opening:
        draft.gap().mention(person.username, person.id)
    draft.gap()
    begins = len(draft)
    if author.lang == "en" and rng.random() < 0.65:
        draft.say(rng.choice(lexicon.REPLIES))
        if rng.random() < 0.3:
            draft.stop().gap()
            sentence(rng, draft, topic, "en")
    else:
        sentence(rng, draft, topic, author.lang)
    if rng.random() < 0.2:
        draft.gap().say(rng.choice(lexicon.TOPICS[topic].emoji))
    return draft, begins


def quote(rng: Random, author: Person, topic: int, quoted: Post) -> Draft:
    """Return a quote: a remark and the link to the quoted post."""
    draft = Draft()
    if author.lang == "en":
        draft.say(rng.choice(lexicon.QUOTES))
        if rng.random() < 0.4:
            draft.gap().hashtag(rng.choice(lexicon.TOPICS[topic].tags))
    else:
        sentence(rng, draft, topic, author.lang)
    return draft.gap().link(short_link(rng), post_link(quoted, ELLIPSIS))


def post_link(post: Post, ending: str = "") -> dict[str, str]:
    """Return the facts of a link to a post; `ending` follows what is displayed of it."""
    url = f"https://x.com/{post.author.username}/status/{post.id}"
    return {"expanded_url": url, "display_url": url[8:34] + ending}


def repost(of: Post) -> tuple[str, Entities]:
    """Return the text of a repost and its entities: the original's, moved, without cut ones."""
    head = Draft().say("RT ").mention(of.author.username, of.author.id).say(": ")
    lead, room = head.text, REPOST_LIMIT
    text = lead + of.text
    moved = shift(of.entities, len(lead), len(text) + 1)
    end = cut(text, moved, room)
    if end < len(text):
        text = text[:end] + ELLIPSIS
        moved = shift(moved, 0, end)
    entities = {kind: list(items) for kind, items in moved.items()}
    entities["mentions"] = head.entities["mentions"] + entities.get("mentions", [])
    return text, entities


def article_link(rng: Random, topic: int) -> dict[str, Any]:
    """Return the facts of a link to an article about a topic, often with a card's texts."""
    about = lexicon.TOPICS[topic]
    thing = rng.choice(about.things)
    slug = thing.replace(" ", "-")
    domain, year, id = lexicon.DOMAINS[topic], rng.randrange(2019, 2027), rng.randrange(100, 999)
    url = f"https://{domain}/{year}/{slug}?ref=x&id={id}"
    shown = url.removeprefix("https://")
    facts: dict[str, Any] = {
        "expanded_url": url,
        "display_url": shown if len(shown) < 28 else shown[:26] + ELLIPSIS,
    }
    if rng.random() < 0.6:
        facts |= {
            "status": 200,
            "title": rng.choice(lexicon.TITLES).format(thing=thing).capitalize(),
            "description": rng.choice(about.sentences).format(thing=thing),
            "unwound_url": url.partition("?")[0],
        }
        if rng.random() < 0.4:
            facts["images"] = [
                {
                    "url": f"https://images.example/{slug}-{side}.jpg",
                    "width": side,
                    "height": side // 2,
                }
                for side in (1200, 150)
            ]
    return facts


def media(rng: Random, low: int) -> tuple[Media, ...]:
    """Return attached media: up to four photos, one video, or one GIF; ids begin at `low`."""
    kind, prefix, _ = rng.choices(_KINDS, [share for _, _, share in _KINDS])[0]
    number = rng.choice((1, 1, 1, 2, 3, 4)) if kind == "photo" else 1
    made = []
    for position in range(number):
        width, height = rng.choice(((1200, 900), (1080, 1080), (1600, 900), (720, 1280)))
        alt = rng.choice(lexicon.ALT_TEXTS) if rng.random() < 0.4 else None
        length = rng.randrange(2_000, 140_000) if kind == "video" else 0
        views = rng.randrange(50, 90_000)
        made.append(Media(f"{prefix}_{low + position}", kind, width, height, alt, length, views))
    return tuple(made)


def media_links(author: Person, id: int, attached: tuple[Media, ...]) -> tuple[dict[str, Any], ...]:
    """Return the facts of the one link to all media of a post."""
    word = "photo" if attached[0].kind == "photo" else "video"
    return tuple(
        {"expanded_url": f"https://x.com/{author.username}/status/{id}/{word}/1",
         "display_url": f"pic.x.com/{attached[0].id[-10:]}", "media_key": each.key}
        for each in attached
    )


def poll(rng: Random, draft: Draft, id: int, at: int) -> Poll:
    """Append a question to the draft and return its poll."""
    question, labels = rng.choice(lexicon.POLLS)
    draft.gap().say(question)
    minutes = rng.choice((60, 1440, 4320, 10080))
    return Poll(
        id, labels, tuple(rng.randrange(0, 400) for _ in labels), minutes, at + minutes * 60_000
    )


def fits(draft: Draft) -> bool:
    """Whether a draft is short enough for an ordinary post."""
    return weight(draft.text) <= LIMIT
