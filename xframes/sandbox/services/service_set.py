"""What a sandbox has in addition to its community: streams, uploads, compliance jobs, usage."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .broadcast import Stream
from .compliance_checks import Compliance
from .live_shows import Shows
from .upload_sessions import Uploads
from .usage_meter import Usage

if TYPE_CHECKING:
    from collections.abc import Callable

    from xframes.sandbox.world.community import Community


class Services:
    """The services of one sandbox; `url` is its server.

    `clock` returns the present in Unix milliseconds, `key` signs the addresses of compliance jobs.
    """

    def __init__(self, community: Community, key: str, clock: Callable[[], int]) -> None:
        self.community = community
        self.url = ""
        self.usage = Usage(community.seed, clock)
        self.stream = Stream(community, self.usage, clock)
        self.uploads = Uploads(community.uploads)
        self.shows = Shows()
        self.compliance = Compliance(community, f"{community.seed} {key}")

    def close(self) -> None:
        """Close the files of unfinished uploads."""
        self.uploads.close()
