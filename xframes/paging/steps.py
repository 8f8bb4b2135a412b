"""Fetch the pages of any plan, with the state after them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from xframes.paging.pages import pages

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from xframes.client import Client
    from xframes.paging.pages import State
    from xframes.plan import Plan
    from xframes.wire import Page


def steps(
    client: Client, plan: Plan, state: State, known: Iterable[Page] = ()
) -> Iterator[tuple[list[Page], State]]:
    """Return the pages of a plan that follow a state, each time with the state after them.

    `known` are earlier pages, which a stream may repeat. Raises as `paging.pages.pages` and
    `Client.stream` do.
    """
    if plan.declared.streaming:
        from xframes.paging.streaming import listen

        return listen(client, plan, state, known)
    return (([page], after) for page, after in pages(client, plan, state))
