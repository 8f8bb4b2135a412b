"""Ids that a spreadsheet has rounded: it keeps 15 digits and fills up with zeros."""

from __future__ import annotations

import json
import warnings
from typing import TYPE_CHECKING

from xframes.screen import counted
from xframes.wire import Page, Request

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from xframes.plan import Plan

_EXACT_DIGITS = 15
_ZEROS = 3  # at the end of an id: one in a thousand has them by chance
_FEWEST = 2  # ids, so that chance is unlikely
KIND = "rounded_ids"


class Rounding:
    """Counts ids, and whether all that are long enough to be rounded end in zeros."""

    def __init__(self, ids: Iterable[str] = ()) -> None:
        self._long = 0
        self._zeros = 0
        self._exact = False
        for id_ in ids:
            self.add(id_)

    def add(self, id_: str) -> None:
        """Count an id."""
        digits = len(id_)
        if self._exact or digits <= _EXACT_DIGITS:
            return
        self._long += 1
        zeros = min(digits - _EXACT_DIGITS, _ZEROS)
        self._zeros += zeros
        self._exact = not id_.endswith("0" * zeros)

    @property
    def text(self) -> str | None:
        """What to say about the ids; None if they are not rounded, as far as they show it."""
        if self._exact or self._long < _FEWEST or self._zeros < _FEWEST * _ZEROS:
            return None
        end = "0" * min(self._zeros // self._long, _ZEROS)
        return (
            f"a spreadsheet has probably rounded the ids: all {counted(self._long, 'long id')} end "
            f"in {end}, so they name other posts or none. They are not evidence of deleted posts. "
            "Use the file from before it was opened there"
        )

    def warn(self, subject: str) -> None:
        """Warn if the ids are rounded; `subject` is the file or the argument that has them."""
        if self.text is not None:
            warnings.warn(f"{subject}: {self.text}", stacklevel=4)

    def problem(self, subject: str) -> bytes | None:
        """Return the body of a page that reports rounded ids; None if they are not rounded."""
        if self.text is None:
            return None
        problem = {"type": KIND, "title": "Rounded ids", "detail": f"{subject}: {self.text}"}
        return json.dumps({"errors": [problem]}).encode()

    @classmethod
    def of(cls, plan: Plan) -> Rounding:
        """Return that of the ids that a plan looks up; of no ids, if it looks up none."""
        param, column = plan.declared.looks_up or ("", "")
        if column != "id":
            return cls()
        return cls(plan.arguments[param])

    def page(self, subject: str, now: datetime) -> Page | None:
        """Return the page that reports rounded ids in `problems`; None if they are not rounded."""
        body = self.problem(subject)
        if body is None:
            return None
        return Page(Request("LOCAL", "/ids"), body, now)
