"""The words that need a second reading (CONTRIBUTING, "Words"), and where a text has them."""

import re

WORDS = re.compile(
    r"\b(anew|whoever|nobody|somebody|beside|goes?\s+on|tells?|told|asks?|asked|stands?|gives?)\b"
    r"|(?<!there\s)\bis\s+no\s+(?!longer\b)[a-z]", re.IGNORECASE)
# names, in docstrings and f-strings
CODE = re.compile(r"`[^`]*`|\{[^}]*\}|>>>.*|^ *ask$|\"asked\"")
FENCED = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)


def words_of_line(line):
    """Return the words of one line of text that are on the list."""
    return [hit[0] for hit in WORDS.finditer(CODE.sub("", line))]


def words_of_markdown(text):
    """Return the words on the list outside code, each with the number of its line."""
    def blank(code):
        return "\n" * code[0].count("\n")

    prose = CODE.sub(blank, FENCED.sub(blank, text))
    return [(prose.count("\n", 0, hit.start()) + 1, hit[0]) for hit in WORDS.finditer(prose)]
