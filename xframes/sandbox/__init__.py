"""A local X over real HTTP, so that learners, notebooks and tests need no key.

    with xf.sandbox.start(seed=7) as sandbox:
        client = xf.Client(bearer_token=sandbox.bearer_token, base_url=sandbox.url)
        frames = xf.search.recent("coffee lang:en", limit=200, client=client)

Its community is invented, the same for the same seed, and answers as X does: operators, pages,
partial errors, rate limits, validation by the spec. `Fault` breaks a chosen request.
"""

from .server.fault_plan import Fault, Faults
from .server.launch import Sandbox, start
from .server.wsgi_app import Asking
from .services.broadcast import StreamFault
from .world.community import Community

__all__ = ["Asking", "Community", "Fault", "Faults", "Sandbox", "StreamFault", "start"]


def __dir__() -> list[str]:
    return list(__all__)
