"""The request of a handler that reads the body itself: uploads, rules, compliance jobs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from xframes.sandbox.protocol import bodies
from xframes.sandbox.protocol.problem_json import Refusal, invalid

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from wsgiref.types import WSGIEnvironment

    from xframes.sandbox.services.service_set import Services
    from xframes.sandbox.world.model import Person
    from xframes.schema import Vocabulary


@dataclass(frozen=True, slots=True)
class Call:
    """One request: environment, path arguments by Python name, query, viewer, instant (Unix ms)."""

    environ: WSGIEnvironment
    args: dict[str, str]
    query: dict[str, str]
    services: Services
    words: Vocabulary
    now: int
    viewer: Person | None

    def document(self, known: Sequence[str]) -> dict[str, Any]:
        """Return the body's JSON object.

        Raises Refusal (400) for other bodies and unknown names.
        """
        try:
            found = bodies.document(self.environ)
        except bodies.BodyError as error:
            raise invalid(self.words, ("body", [], str(error))) from None
        for name in found:
            if name not in known:
                raise self.refuse(name, found[name], f"[{name}] is not one of [{','.join(known)}]")
        return found

    def refuse(self, name: str, value: object, message: str) -> Refusal:
        """Return the 400 for one parameter or one name of the body."""
        if name in {"add", "delete"}:
            name = f"$.{name}"
        return invalid(self.words, (name, [str(value)], message))

    def only(self, known: Sequence[str]) -> None:
        """Raise Refusal (400) for query parameters the action does not have."""
        for name, value in self.query.items():
            if name not in known:
                raise self.refuse(
                    name, value, f"The query parameter [{name}] is not one of [{','.join(known)}]"
                )


RawHandler = Callable[[Call], dict[str, Any]]


def text_of(call: Call, body: Mapping[str, Any], name: str, *, required: bool = True) -> str | None:
    """Return a text of a body. Raises Refusal (400) if it is missing or of another type."""
    found = body.get(name)
    if found is None and not required:
        return None
    if not isinstance(found, str) or not found:
        raise call.refuse(name, found, f"`{name}` must be a text and can not be empty")
    return found
