"""One write for each of many ids."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from xframes import registry
from xframes.archive import Archive
from xframes.client import Client
from xframes.collect.dispatch import Ids, ids_of_handles
from xframes.errors import (
    ApiError,
    ArgumentError,
    ConfigError,
    Interrupted,
    OutcomeUnknown,
    RateLimited,
    Resumable,
    Unauthorized,
    UsageCapped,
)
from xframes.frames import Frames, to_pandas
from xframes.paging.handles import handles_in, replaced
from xframes.plan.values import check
from xframes.registry.documentation import document
from xframes.write.sending import Sending, open_run, request, writing_client

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pandas as pd  # noqa: TC004  nothing evaluates this one; pandas takes long to import

    from xframes.registry import Param

# Errors that the next request would meet again.
_STOPS = (ConfigError, RateLimited, Unauthorized, UsageCapped)


@document()
def bulk(
    function: Callable[..., Any], ids: Ids, *, into: Archive | None = None,
    client: Client | None = None, progress: bool | None = None, **arguments: Any,
) -> pd.DataFrame:
    """Carry out one write for each id, at the pace of its rate limit.

    A write that X refuses does not stop the others. Nothing is sent twice, also not a write whose
    outcome is unknown.

    Parameters
    ----------
    function
        A write with one id left to fill in, e.g. `write.like`.
    ids
        Ids to fill in, as text or whole numbers, in any iterable, e.g. a column; of users also
        `@handle`s, which are looked up if `into` does not know them. Repeated ids are sent once.
    into
        Archive that also keeps each of X's answers before the next write is sent. Default: none.
    client
        Client to send with, made with `writes=True`. Default: the one set with `xf.use`, else one
        with the credentials of the environment or the config file.
    progress
    arguments
        The other arguments of the write, e.g. `list_id` of `write.add_list_member`.

    Returns
    -------
    pandas.DataFrame
        One row per id, in order: the id, `outcome` (done, refused or unknown), `status`, `answer`
        (JSON) and `error`.

    Raises
    ------
    ArgumentError
    Interrupted
        A rate limit longer than the client waits, a usage cap, refused credentials or Ctrl-C
        stopped it. `frames` is the table of what was sent; `resume()` sends the rest.

    Examples
    --------
    >>> write.bulk(write.like, frame["post_id"])
    """
    name = f"write.{getattr(function, '__name__', function)}"
    if name not in registry.ACTIONS:
        raise ArgumentError(
            f"function: expected a write such as write.like, got {function!r:.80}"
        )
    param = _id_to_fill(name, arguments)
    values: dict[str, Any] = {param.name: ids}
    if isinstance(ids, Iterator):
        values = {param.name: list(ids)}
    handles = handles_in(registry.ACTIONS[name], values)
    # all arguments are checked before handles are looked up, and before the first write
    stand_ins = replaced(registry.ACTIONS[name], values, dict.fromkeys(handles, "0"))
    many = _each(param, stand_ins[param.name])
    client = writing_client(client, name)
    for one in many[:1]:
        request(name, {**arguments, param.name: one}, client)
    if handles:
        ids_by_handle = ids_of_handles(handles, name, into, client)
        values = replaced(registry.ACTIONS[name], values, ids_by_handle)
        many = _each(param, values[param.name])
    return _Bulk(name, param.name, many, arguments, client, into).run(progress)


def _id_to_fill(name: str, arguments: Mapping[str, Any]) -> Param:
    """Return the id to fill in: the one required argument that is missing."""
    action = registry.ACTIONS[name]
    missing = [p for p in action.params if p.required and p.name not in arguments]
    if len(missing) == 1 and missing[0].kind == "id":
        return missing[0]
    others = [p.name for p in missing if p.kind != "id"] or [p.name for p in missing[:-1]]
    fix = "it has no such argument"
    if others:
        fix = f"pass {', '.join(others)} by name"
    raise ArgumentError(f"bulk fills in the one missing id of {name}; {fix}")


def _each(param: Param, ids: Ids) -> list[str]:
    """Return each id once, in order. Raises ArgumentError for the first invalid id."""
    every = registry.Param(f"{param.name}s", "ids", min=1, pattern=param.pattern)
    unique: list[str] = check(every, ids, now=_NEVER)
    return unique


_NEVER: Any = None  # ids are checked without a clock


@dataclass
class _Bulk(Resumable):
    """A bulk write. `rows` has the outcome of each write sent so far."""

    name: str
    filled: str
    ids: list[str]
    arguments: Mapping[str, Any]
    client: Client
    into: Archive | None
    rows: list[dict[str, Any]] = field(default_factory=list)

    def run(self, progress: bool | None) -> pd.DataFrame:
        from xframes.progress import bar

        arguments = {key: value for key, value in self.arguments.items() if value is not None}
        arguments[f"{self.filled}s"] = len(self.ids)
        try:
            with (
                open_run(self.into, self.name, arguments) as keep,
                bar(progress, self.name, " writes", len(self.ids)) as advance,
            ):
                advance(len(self.rows))
                for one in self.ids[len(self.rows):]:
                    self._send(Sending(self.client, keep), one)
                    advance(1)
        except (Exception, KeyboardInterrupt) as error:  # the rows say what X has carried out
            if not self.rows:
                raise
            raise self._interrupted(error) from error
        return self._frame()

    def _send(self, sending: Sending, one: str) -> None:
        """Send one write and note its outcome. Raises errors that the next one would meet again."""
        row: dict[str, Any] = {self.filled: one, "outcome": "unknown"}
        try:
            page = sending.call(self.name, **self.arguments, **{self.filled: one})
            writes = Frames.from_pages([page])["writes"]
            (outcome,) = writes.select(["status", "answer"]).to_pylist()
            row |= {"outcome": "done", **outcome}
        except _STOPS:
            raise
        except OutcomeUnknown as error:
            row["error"] = str(error)
        except ApiError as error:
            row |= {"outcome": "refused", "status": error.status, "error": str(error)}
        except BaseException as error:
            self.rows.append(row | {"error": f"{type(error).__name__}: {error}"})
            raise
        self.rows.append(row)

    def _frame(self) -> pd.DataFrame:
        schema = pa.schema([
            (self.filled, pa.string()), ("outcome", pa.string()), ("status", pa.int64()),
            ("answer", pa.string()), ("error", pa.string()),
        ])
        return to_pandas(pa.Table.from_pylist(self.rows, schema=schema))

    def _interrupted(self, error: BaseException) -> Interrupted:
        reason = str(error) or type(error).__name__
        return Interrupted(
            f"{self.name} stopped after {len(self.rows):,} of {len(self.ids):,}: {reason}. "
            "The outcomes are in `.frames`; call `.resume()` to continue",
            frames=self._frame(), rows=len(self.rows), resume=self._resume,
            action=self.name,
        )

    def _resume(
        self, *, client: Client | None = None, progress: bool | None = None
    ) -> pd.DataFrame:
        self.client = writing_client(client or self.client, self.name)
        return self.run(progress)
