"""Texts of every script: fonts that have their glyphs, and something readable where no font has."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable

    from matplotlib.text import Text

_BOX = "□"
# tried first, in this order, because they are made for reading; then every other installed font
_PREFERRED = (
    "Noto Sans", "Hiragino Sans", "PingFang", "Microsoft YaHei", "Yu Gothic", "Malgun Gothic", "Source Han Sans",
    "WenQuanYi", "Segoe UI", "Nirmala UI", "Arial Unicode", "Apple Symbols", "FreeSans", "Noto Emoji", "Symbola",
    "Noto",
)
_PLACEHOLDERS = re.compile("Last ?Resort|Adobe Blank|cm[a-z]+10|STIX(Non|Size)")  # claim glyphs they do not draw
_MOST_FONTS = 400
# marks that turn the direction of what follows; in a label they turn what is not theirs as well
_DIRECTIONS = "\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
_INVISIBLE = re.compile("[\u00ad\u034f\u180b-\u180f\u200b-\u200d\u2060-\u2064\ufe00-\ufe0f\ufeff\U000e0000-\U000e0fff]")


def dress(*texts: Text) -> None:
    """Have texts of people drawn as they are: no formulas, in fonts that have their glyphs, and boxes for the rest."""
    for text in texts:
        text.set_parse_math(False)  # a cashtag is not a formula
        words, families = fit(text.get_text(), tuple(text.get_fontfamily()))
        text.set_text(words)
        text.set_fontfamily(families)


def fit(text: str, families: tuple[str, ...]) -> tuple[str, list[str]]:
    """A text that can be drawn in one line, and the fonts to draw it with, those given first."""
    from matplotlib.font_manager import fontManager

    words, fonts = _fit(text, families, len(fontManager.ttflist))  # fonts may be added at any time
    return words, list(fonts)


@lru_cache(maxsize=4096)
def _fit(text: str, families: tuple[str, ...], _installed_fonts: int) -> tuple[str, tuple[str, ...]]:
    words = " ".join("".join(c for c in text if c not in _DIRECTIONS and (c.isspace() or c >= " ")).split())
    missing = {c for c in words if not any(ord(c) in _glyphs(path) for path in _paths(families))}
    fonts = list(families)
    for name, path in _installed() if missing - set(_INVISIBLE.findall(words)) else ():
        if found := {c for c in missing if ord(c) in _glyphs(path)}:
            fonts.append(name)
            missing -= found
        if not missing:
            break
    return "".join(_instead(c) if c in missing else c for c in words), tuple(fonts)


def readable(text: str) -> str:
    """A text with boxes for what no installed font has, in one line."""
    import matplotlib as mpl

    return fit(text, tuple(mpl.rcParams["font.family"]))[0]


def drawable(text: str) -> bool:
    """Whether installed fonts have every glyph of a text."""
    return _BOX not in readable(text.replace(_BOX, ""))


def _instead(character: str) -> str:
    """What stands for a character no font has: nothing when it cannot be seen, what it is composed of, or a box."""
    if _INVISIBLE.match(character) or unicodedata.category(character) in {"Mn", "Cc", "Cf"}:
        return ""
    plain = unicodedata.normalize("NFKC", character)
    return plain if plain.isascii() else _BOX  # mathematical letters, much used as bold type, are read as letters


def _paths(families: Iterable[str]) -> list[Any]:
    from matplotlib.font_manager import FontProperties, findfont

    return [findfont(FontProperties(family=[family])) for family in families]


@lru_cache(maxsize=1024)
def _glyphs(path: Any) -> frozenset[int]:
    """The characters of a font that matplotlib can draw; none of a font it cannot, e.g. of coloured pictures."""
    from matplotlib.font_manager import get_font

    try:
        font = get_font(path)
        codes = frozenset(font.get_charmap())
        font.set_size(10, 72)
        font.load_char(next(iter(codes)))
    except Exception:  # noqa: BLE001  a broken font of somebody's machine must not keep a plot from being drawn
        return frozenset()
    return codes


def _installed() -> list[tuple[str, Any]]:
    """Upright fonts by name, one file each, those made for reading first."""
    from matplotlib.font_manager import fontManager

    files: dict[str, Any] = {}
    for font in fontManager.ttflist:
        if font.style == "normal" and not _PLACEHOLDERS.match(font.name):
            files.setdefault(font.name, font.fname)
    return sorted(files.items(), key=lambda each: (_rank(each[0]), each[0]))[:_MOST_FONTS]


def _rank(name: str) -> int:
    return next((n for n, prefix in enumerate(_PREFERRED) if name.startswith(prefix)), len(_PREFERRED))
