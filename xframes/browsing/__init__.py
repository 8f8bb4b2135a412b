"""Looking at an archive in a browser, without code: `xframes browse my-archive`.

    with start(archive) as server:
        print(server.url)

Pages are read-only, and only for the browser that opened the address with its token.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from xframes.browsing.holdings import CopiedHoldings, LiveHoldings
from xframes.browsing.loopback import Server

if TYPE_CHECKING:
    from xframes.archive import Archive
    from xframes.browsing.holdings import Holdings

__all__ = ["Server", "start"]


def __dir__() -> list[str]:
    return list(__all__)


def start(archive: Archive, *, pseudonymise: str | bytes | None = None) -> Server:
    """Show an archive in a browser on this machine.

    Parameters
    ----------
    archive
        The archive. Each request shows its present rows.
    pseudonymise
        A key of at least 16 bytes: show a copy with pseudonyms instead of ids, handles and names,
        as it is now, without the pages of X. Default: none.

    Returns
    -------
    Server
        Already listening; use it as a context manager, or call `stop()`.

    Raises
    ------
    ArchiveError
        There is no archive.
    ArgumentError
        The key is too short.

    Examples
    --------
    >>> with xframes.browsing.start(archive) as server:
    ...     webbrowser.open(server.url)
    """
    holdings: Holdings
    if pseudonymise is None:
        archive.stored_rows()  # raises if there is none
        holdings = LiveHoldings(archive)
    else:
        holdings = CopiedHoldings(archive, pseudonymise)
    return Server(holdings)
