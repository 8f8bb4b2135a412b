"""Fetch the pages of any plan, with the state after them."""

from __future__ import annotations

from contextlib import closing, contextmanager
from typing import TYPE_CHECKING

from xframes.paging.pages import pages

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from xframes.client import Client
    from xframes.paging.pages import State
    from xframes.plan import Plan
    from xframes.wire import Page


@contextmanager
def steps(
    client: Client, plan: Plan, state: State, known: Iterable[Page] = ()
) -> Iterator[Iterator[tuple[list[Page], State]]]:
    """Yield the pages of a plan that follow a state, each time with the state after them.

    `known` are earlier pages, which a stream may repeat. A stream ends with the block, and with it
    its handling of Ctrl-C. Raises as `paging.pages.pages` and `Client.stream` do.
    """
    if plan.declared.streaming:
        from xframes.paging.streaming import listen

        with closing(listen(client, plan, state, known)) as stream:
            yield stream
    else:
        yield (([page], after) for page, after in pages(client, plan, state))
