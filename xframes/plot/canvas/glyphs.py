"""Text in every script: finds fonts that have its glyphs, and replaces what no font has."""

from __future__ import annotations

import re
import unicodedata
from contextlib import contextmanager
from contextvars import ContextVar
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from xframes.sql.macros import EMOJI

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from matplotlib.text import Text

_BOX = "□"
_EMOJI = re.compile(EMOJI)
FONTS = "install fonts that have them, such as Noto Sans, Noto Sans CJK and Noto Emoji"
"""The advice where characters are drawn as boxes."""
# Scripts that posts are written in, with characters that a font for them has.
_SCRIPTS = {
    "Latin, Greek and Cyrillic": "aλж", "Chinese": "中国", "Japanese": "あア", "Korean": "한국",
    "Arabic": "سل", "Hebrew": "של", "Hindi": "नम", "Bengali": "বা", "Tamil": "தம", "Thai": "กท",
    "emoji": "😀🚀",
}
# Whether the plot that is being drawn keeps its text as text, for the fonts of who reads it.
_is_kept: ContextVar[bool] = ContextVar("_is_kept", default=False)
# The characters that no font has, of the plot that is being drawn.
_boxed: ContextVar[set[str] | None] = ContextVar("_boxed", default=None)
# These are easy to read and come first, in this order; every other installed font follows.
_PREFERRED = (
    "Noto Sans", "Hiragino Sans", "PingFang", "Microsoft YaHei", "Yu Gothic", "Malgun Gothic",
    "Source Han Sans", "WenQuanYi", "Segoe UI", "Nirmala UI", "Arial Unicode", "Apple Symbols",
    "FreeSans", "Noto Emoji", "Symbola", "Noto",
)
# These fonts list glyphs that they do not draw.
_PLACEHOLDERS = re.compile("Last ?Resort|Adobe Blank|cm[a-z]+10|STIX(Non|Size)")
_MOST_FONTS = 400
# Marks of text direction. In a label they would also turn the text around the label.
_DIRECTIONS = "\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
_INVISIBLE = re.compile(
    "[\u00ad\u034f\u180b-\u180f\u200b-\u200d\u2060-\u2064\ufe00-\ufe0f\ufeff\U000e0000-\U000e0fff]"
)


def dress(*texts: Text) -> None:
    """Draw text as its author wrote it: not as a formula, and in fonts that have its glyphs."""
    for text in texts:
        text.set_parse_math(False)  # the $ of a cashtag does not begin a formula
        words, families = fit(text.get_text(), tuple(text.get_fontfamily()))
        text.set_text(words)
        text.set_fontfamily(families)


def fit(text: str, families: tuple[str, ...]) -> tuple[str, list[str]]:
    """Return a text that can be drawn in one line, and the fonts for it, `families` first."""
    from matplotlib.font_manager import fontManager

    if _is_kept.get():
        return _in_one_line(text), list(families)
    # The number of fonts is part of the cache key, because fonts can be added at any time.
    words, fonts, lost = _fit(text, families, len(fontManager.ttflist))
    boxed = _boxed.get()
    if boxed is not None:
        boxed.update(lost)
    return words, list(fonts)


@contextmanager
def kept() -> Iterator[None]:
    """Keep characters that no font here has: the plot becomes a file with text, such as SVG."""
    token = _is_kept.set(True)
    try:
        yield
    finally:
        _is_kept.reset(token)


def _in_one_line(text: str) -> str:
    visible = (c for c in text if c not in _DIRECTIONS and (c.isspace() or c >= " "))
    return " ".join("".join(visible).split())


@contextmanager
def boxes() -> Iterator[set[str]]:
    """Collect the characters that no font has while a plot is drawn."""
    boxed: set[str] = set()
    token = _boxed.set(boxed)
    try:
        yield boxed
    finally:
        _boxed.reset(token)


def lacking() -> list[str]:
    """Return the scripts, and emoji, that no installed font has."""
    return [name for name, letters in _SCRIPTS.items() if not drawable(letters)]


@lru_cache(maxsize=4096)
def _fit(
    text: str, families: tuple[str, ...], _installed_fonts: int
) -> tuple[str, tuple[str, ...], frozenset[str]]:
    words = _in_one_line(text)
    paths = _paths(families)
    missing = {c for c in words if not any(ord(c) in _glyphs(path) for path in paths)}
    more: list[str] = []
    if missing - set(_INVISIBLE.findall(words)):
        more = _fonts_with(missing)
    drawn = {c: _substitute(c) for c in missing}
    lost = frozenset(c for c, substitute in drawn.items() if substitute == _BOX)
    return "".join(drawn.get(c, c) for c in words), (*families, *more), lost


def _fonts_with(missing: set[str]) -> list[str]:
    """Choose installed fonts that have missing characters, and remove these from `missing`."""
    names = []
    for name, path in _installed():
        covered = {c for c in missing if ord(c) in _glyphs(path)}
        if covered:
            names.append(name)
            missing -= covered
        if not missing:
            break
    return names


def readable(text: str) -> str:
    """Return a text in one line, with boxes for characters that no installed font has."""
    import matplotlib as mpl

    return fit(text, tuple(mpl.rcParams["font.family"]))[0]


def without_lost_emoji(text: str) -> str:
    """Return a text without the emoji that no installed font has, for a label that abbreviates it.

    Their boxes would take the place of words.
    """
    return _EMOJI.sub(lambda emoji: emoji[0] if drawable(emoji[0]) else "", text)


def drawable(text: str) -> bool:
    """Whether installed fonts have every glyph of a text."""
    with boxes() as lost:
        readable(text)
    return not lost


def _substitute(character: str) -> str:
    """Return what to draw for a character that no font has.

    That is nothing for an invisible character, ASCII letters for the mathematical letters that
    people use as bold type, and a box for all others.
    """
    if _INVISIBLE.match(character) or unicodedata.category(character) in {"Mn", "Cc", "Cf"}:
        return ""
    plain = unicodedata.normalize("NFKC", character)
    return plain if plain.isascii() else _BOX


def _paths(families: Iterable[str]) -> list[Any]:
    from matplotlib.font_manager import FontProperties, findfont

    return [findfont(FontProperties(family=[family])) for family in families]


@lru_cache(maxsize=1024)
def _glyphs(path: Any) -> frozenset[int]:
    """Return the characters that a font has, or an empty set if matplotlib cannot draw it."""
    from matplotlib.font_manager import get_font

    try:
        font = get_font(path)
        codes = frozenset(font.get_charmap())
        font.set_size(10, 72)
        font.load_char(next(iter(codes)))
    except Exception:  # noqa: BLE001  a broken font on a machine must not prevent every plot
        return frozenset()
    return codes


def _installed() -> list[tuple[str, Any]]:
    """Return upright fonts as (name, path), one file each, preferred fonts first."""
    from matplotlib.font_manager import fontManager

    files: dict[str, Any] = {}
    for font in fontManager.ttflist:
        if font.style == "normal" and not _PLACEHOLDERS.match(font.name):
            files.setdefault(font.name, font.fname)
    return sorted(files.items(), key=lambda each: (_rank(each[0]), each[0]))[:_MOST_FONTS]


def _rank(name: str) -> int:
    ranks = (n for n, prefix in enumerate(_PREFERRED) if name.startswith(prefix))
    return next(ranks, len(_PREFERRED))
