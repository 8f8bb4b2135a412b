"""SQL functions for texts and links, in Frames and archives: `words`, `emoji` and `domain`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from xframes.schema import Type

if TYPE_CHECKING:
    from collections.abc import Mapping

    import duckdb
    import pyarrow as pa

# Characters that are emoji by themselves: Unicode's Emoji_Presentation.
_PICTURE = (
    "[\u231a\u231b\u23e9-\u23ec\u23f0\u23f3\u25fd\u25fe\u2614\u2615\u2648-\u2653\u267f\u2693"
    "\u26a1\u26aa\u26ab\u26bd\u26be\u26c4\u26c5\u26ce\u26d4\u26ea\u26f2\u26f3\u26f5\u26fa\u26fd"
    "\u2705\u270a\u270b\u2728\u274c\u274e\u2753-\u2755\u2757\u2795-\u2797\u27b0\u27bf\u2b1b\u2b1c"
    "\u2b50\u2b55\U0001f004\U0001f0cf\U0001f18e\U0001f191-\U0001f19a\U0001f201\U0001f21a\U0001f22f"
    "\U0001f232-\U0001f236\U0001f238-\U0001f23a\U0001f250\U0001f251\U0001f300-\U0001f64f"
    "\U0001f680-\U0001f6ff\U0001f7e0-\U0001f7eb\U0001f7f0\U0001f900-\U0001f9ff"
    "\U0001fa70-\U0001faff]"
)
_ONE = f"(?:{_PICTURE}\ufe0f?|[\u00a9\u00ae\u203c-\u3299]\ufe0f)[\U0001f3fb-\U0001f3ff]?"
_TAGS = "(?:[\U000e0020-\U000e007f]+)?"  # flags of regions
_KEYCAP = "[0-9#*]\ufe0f?\u20e3"
EMOJI = f"[\U0001f1e6-\U0001f1ff]{{2}}|{_KEYCAP}|{_ONE}(?:\u200d{_ONE})*{_TAGS}"
"""Regular expression of one emoji, in the syntax of Python and of DuckDB."""

# Removed before words are read: links, handles, the RT of a repost, and keycaps, whose digit is
# part of the emoji.
_NO_WORDS = (
    r"https?://[^\s\p{Han}\p{Hiragana}\p{Katakana}\p{Hangul}]+|^RT @\w+:"
    f"|[@\uff20]\\w+|{_KEYCAP}"
)
# Scripts without spaces. A run of one of them ends at the next script, as in Japanese.
_RUN = "(\\p{Han}+|[\\p{Katakana}\u30fc\uff70]+|[\\p{Hiragana}\u30fc]+)"
# Zero-width joiners inside a word are letters' own in Persian and in scripts of India.
_REST = "(?:[\u200c\u200d]*[\\p{L}\\p{M}\\p{Nd}_])*"
_WORD = rf"\p{{Nd}}+(?:[.,]\p{{Nd}}+)+|[\p{{L}}\p{{Nd}}]{_REST}(?:'\p{{L}}{_REST})*"
_HOST = r"([^/?#\s:@\[\]]+|\[[^\]]*\])"
_LINK = rf"(?i)^(?:[a-z][a-z0-9+.-]*://|//)?(?:[^/?#\s@]*@)?{_HOST}(?::\d+)?(?:[/?#]|$)"


def _quoted(pattern: str) -> str:
    return "'" + pattern.replace("'", "''") + "'"


PLAIN_TEXT = "replace(replace(replace({}, '&lt;', '<'), '&gt;', '>'), '&amp;', '&')"
"""SQL of X's text as people read it."""

_READ = f"replace(nfc_normalize(lower({PLAIN_TEXT.format('body')})), '\u2019', '''')"
_SPACED = (
    rf"regexp_replace(regexp_replace({_READ}, {_quoted(f'(?i){_NO_WORDS}')}, ' ', 'g'), "
    rf"{_quoted(_RUN)}, ' \1 ', 'g')"
)
_FOUND = f"regexp_extract_all({_SPACED}, {_quoted(_WORD)})"
# Overlapping pairs of Chinese characters: most words have two.
_PAIRS = "[substr(word, place, 2) FOR place IN range(1, length(word))]"
_IN_PAIRS = (
    r"flatten([CASE WHEN regexp_full_match(word, '\p{Han}{2,}') "
    f"THEN {_PAIRS} ELSE [word] END FOR word IN {_FOUND}])"
)
_WORDS = (
    rf"CASE WHEN regexp_matches(body, '\p{{Han}}{{3}}') THEN {_IN_PAIRS} ELSE {_FOUND} END"
)

_DOMAIN = (
    rf"nullif(regexp_replace(lower(regexp_extract(link, {_quoted(_LINK)}, 1)), "
    r"'^www\.|\.$', '', 'g'), '')"
)


class Macro(NamedTuple):
    """An SQL function: its argument, its expression, its meaning and the type that it returns."""

    argument: str
    expression: str
    meaning: str
    returns: Type


MACROS = {
    "words": Macro("body", _WORDS, (
        "Words of a text in lower case, in order, without links and handles. Runs of Chinese "
        "characters are split into overlapping pairs."
    ), Type.STRS),
    "emoji": Macro("body", f"regexp_extract_all(body, {_quoted(EMOJI)})", (
        "Emoji of a text, in order. A sequence that is drawn as one picture is one emoji."
    ), Type.STRS),
    "domain": Macro("link", _DOMAIN, (
        "Host of a link in lower case, without www. NULL if it is not a link."
    ), Type.STR),
}
"""SQL functions by name."""


def define(connection: duckdb.DuckDBPyConnection) -> None:
    """Create the SQL functions in a database; all its sessions see them."""
    for name, macro in MACROS.items():
        connection.execute(f"CREATE MACRO {name}({macro.argument}) AS {macro.expression}")
        connection.execute(f"COMMENT ON MACRO {name} IS {_quoted(macro.meaning)}")


def run(query: str, given: pa.Table, params: Mapping[str, Any]) -> pa.Table:
    """Run a query on the table `given`, in a database of its own that has the SQL functions."""
    import duckdb

    offline: dict[str, Any] = {
        "autoinstall_known_extensions": False, "autoload_known_extensions": False,
    }
    with duckdb.connect(config=offline) as connection:
        define(connection)
        connection.register("given", given)
        return connection.sql(query, params=dict(params)).to_arrow_table()
