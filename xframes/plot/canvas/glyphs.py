"""Text in every script: finds fonts that have its glyphs, and replaces what no font has."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable

    from matplotlib.text import Text

_BOX = "□"
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

    # The number of fonts is part of the cache key, because fonts can be added at any time.
    words, fonts = _fit(text, families, len(fontManager.ttflist))
    return words, list(fonts)


@lru_cache(maxsize=4096)
def _fit(
    text: str, families: tuple[str, ...], _installed_fonts: int
) -> tuple[str, tuple[str, ...]]:
    visible = (c for c in text if c not in _DIRECTIONS and (c.isspace() or c >= " "))
    words = " ".join("".join(visible).split())
    paths = _paths(families)
    missing = {c for c in words if not any(ord(c) in _glyphs(path) for path in paths)}
    more: list[str] = []
    if missing - set(_INVISIBLE.findall(words)):
        more = _fonts_with(missing)
    drawn = (_substitute(c) if c in missing else c for c in words)
    return "".join(drawn), (*families, *more)


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


def drawable(text: str) -> bool:
    """Whether installed fonts have every glyph of a text."""
    return _BOX not in readable(text.replace(_BOX, ""))


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
