"""What was spent on this machine."""

from __future__ import annotations

from typing import TYPE_CHECKING

from xframes.billing.sums import spend_table

if TYPE_CHECKING:
    from collections.abc import Iterable

    import pandas as pd

__all__ = ["spend"]


def spend(by: str | Iterable[str] | None = None) -> pd.DataFrame:
    """Return what requests cost, of all apps, archives and collections on this machine.

    X bills each object once a day (UTC) for each app. The low reading counts main objects only,
    the high one also those they include. Each reading has its own set of what was billed that day,
    so the low price of a row can exceed its high price; a sum over days cannot.

    Parameters
    ----------
    by
        Columns to sum by: day, app, server, action, query, run_id, archive. Default: all of them.

    Returns
    -------
    pandas.DataFrame
        One row per combination: the columns of `by`, `requests`, `in_flight` (requests without an
        answer, which count with the most that they can cost in the high reading), the objects that
        were billed in the high reading (`posts`, `users`, `others`), kinds that the price card does
        not have (`unpriced`), `price_low` and `price_high` in US dollars.

    Raises
    ------
    ArgumentError
        `by` has a name that is not a column.
    ConfigError
        The ledger cannot be read.

    Examples
    --------
    >>> xf.spend(by="day")
    """
    from xframes.frames import to_pandas

    return to_pandas(spend_table(by))
