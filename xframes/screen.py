"""Text of others on a screen: what would steer a terminal or turn the reading direction is shown, not obeyed."""

from __future__ import annotations

import re

# Control characters (C0, DEL, C1), line and paragraph separators, embeddings, overrides and isolates of
# direction, and halves of surrogate pairs, which no terminal can be sent.
_STEERING = re.compile("[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u206f\ud800-\udfff]")


def neutral(text: str, *, keep: str = "") -> str:
    """A text with its control characters as escapes such as `\\u001b`, which are JSON's too; but for `keep`."""
    return _STEERING.sub(lambda hit: hit[0] if hit[0] in keep else f"\\u{ord(hit[0]):04x}", text)
