"""Files that are none of ours."""

from __future__ import annotations

from xframes.errors import XframesError


class NotPages(XframesError):
    """What a file holds is no kind of pages or posts."""
