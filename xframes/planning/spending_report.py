"""What was spent on this machine."""

from __future__ import annotations

from typing import TYPE_CHECKING

from xframes.billing.sums import compared, spend_table
from xframes.errors import ArgumentError

if TYPE_CHECKING:
    from collections.abc import Iterable

    import pandas as pd

    from xframes.archive import Archive
    from xframes.frames import Frames

__all__ = ["spend"]


def spend(
    by: str | Iterable[str] | None = None, *, usage: Archive | Frames | None = None
) -> pd.DataFrame:
    """Return what requests cost, of all apps, archives and collections on this machine.

    X bills each object once a day (UTC) for each app. The low reading counts main objects only,
    the high one also those they include. Each reading has its own set of what was billed that day,
    so the low price of a row can exceed its high price; a sum over days cannot.

    Parameters
    ----------
    by
        Columns to sum by: day, app, server, action, query, run_id, archive. Default: all of them.
    usage
        Archive or Frames to compare with; needs `by="day"`: X's own counts of posts
        (`xf.usage.posts`), and reports of the credits that are left (`xf.call("usage.credits")`),
        best one at the end of each day. Both are those of the whole project, and lag. Default:
        none.

    Returns
    -------
    pandas.DataFrame
        One row per combination: the columns of `by`, `requests`, `in_flight` (requests without an
        answer, which count with the most that they can cost in the high reading), the objects that
        were billed in the high reading (`posts`, `users`, `others`) and the posts in the low one
        (`main_posts`), kinds that the price card does not have (`unpriced`), `price_low` and
        `price_high` in US dollars. With `usage`, also `usage_posts`, and by how many they exceed
        the main posts (`usage_less_main`) or all posts of the ledger (`usage_less_all`);
        `credits_used` and `credits_added` since the report before (on the day `credits_since`), and
        by how many dollars what was used exceeds the prices since then (`credits_less_low`,
        `credits_less_high`). Days on which X reports something and the ledger has nothing are
        included.

    Raises
    ------
    ArgumentError
        `by` has a name that is not a column, or is not "day" with `usage`.
    ConfigError
        The ledger cannot be read.

    Examples
    --------
    >>> xf.spend(by="day")
    """
    from xframes.frames import to_pandas

    spent = spend_table(by)
    if usage is not None:
        if spent.column_names[:2] != ["day", "requests"]:
            raise ArgumentError('usage: expected by="day", the days of which X counts posts')
        counts = usage.sql(
            "SELECT date, arg_max(usage, observed_at) FROM usage_daily "
            "WHERE scope = 'project' GROUP BY date"
        ).fetchall()
        balances = usage.sql(
            "SELECT observed_at, total_balance FROM credits WHERE total_balance IS NOT NULL "
            "ORDER BY observed_at"
        ).fetchall()
        spent = compared(spent, dict(counts), balances)
    return to_pandas(spent)
