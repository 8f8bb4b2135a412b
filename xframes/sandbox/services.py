"""What a sandbox has beside its community: tokens, streams, uploads, compliance jobs, usage."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .compliance import Compliance
from .oauth import OAuth
from .streaming import Stream
from .uploads import Uploads
from .usage import Usage

if TYPE_CHECKING:
    from collections.abc import Callable
    from wsgiref.types import WSGIEnvironment

    from .auth import Credentials
    from .community import Community
    from .reply import Reply


class Services:
    """The services of one sandbox; `clock` gives its present in Unix milliseconds, `url` is where it listens."""

    def __init__(self, community: Community, credentials: Credentials, clock: Callable[[], int]) -> None:
        self.community = community
        self.credentials = credentials
        self.clock = clock
        self.url = ""
        self.oauth = OAuth(credentials, community)
        self.stream = Stream(community, clock)
        self.uploads = Uploads(community.uploads)
        self.compliance = Compliance(community, f"{community.seed} {credentials.bearer_token}")
        self.usage = Usage(community.seed, clock)

    def page(self, environ: WSGIEnvironment) -> Callable[[], Reply] | None:
        """Return what answers a path that is no action of the API: the pages of OAuth, the addresses of jobs."""
        path = environ["PATH_INFO"]
        found = self.oauth.pages.get((environ["REQUEST_METHOD"], path))
        if found is not None:
            return lambda: found(environ)
        if path.startswith("/compliance/"):
            return lambda: self.compliance.elsewhere(environ)
        return None

    def close(self) -> None:
        """Let go of the files of uploads that never were whole."""
        self.uploads.close()
