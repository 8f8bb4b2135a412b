"""Batch compliance: jobs, the address their ids are put to, and the file that says what became of each."""

from __future__ import annotations

import hashlib
import hmac
import json
import re
import time
import zlib
from dataclasses import dataclass, field
from typing import IO, TYPE_CHECKING, Any, Literal

from .asked import stamp
from .model import moment, snowflake
from .reply import JSON, TEXT, Reply, to_json

if TYPE_CHECKING:
    from collections.abc import Callable
    from wsgiref.types import WSGIEnvironment

    from .community import Community
    from .model import Person

_UPLOAD_SECONDS = 900
_DOWNLOAD_SECONDS = 7 * 86_400
_PATH = re.compile(r"/compliance/(?P<id>[0-9]+)/(?P<what>submission|delivery)/(?P<ends>[0-9]+)/(?P<seal>[0-9a-f]+)")
_LONGEST_LINE = 100


@dataclass(slots=True)
class Job:
    """One job. Instants are Unix seconds; `ids` are what was put, None before."""

    id: int
    type: Literal["tweets", "users"]
    name: str | None
    resumable: bool
    created: float
    ids: list[str] | None = field(default=None, repr=False)
    done: float = 0.0  # when it is or will be complete, once ids are there


class Compliance:
    """The compliance jobs of an app: `jobs` by id, complete `processing_seconds` after their ids were put."""

    def __init__(self, community: Community, key: str) -> None:
        self.jobs: dict[int, Job] = {}
        self.processing_seconds = 1.0
        self.clock: Callable[[], float] = time.time
        self._community = community
        self._key = key.encode()

    def create(self, kind: Literal["tweets", "users"], name: str | None, *, resumable: bool) -> Job | None:
        """Return a new job, or None while one of that kind is being worked on."""
        if any(job.type == kind and self.status(job) == "in_progress" for job in self.jobs.values()):
            return None
        now = self.clock()
        id = max([snowflake(int(now * 1000)), *self.jobs]) + 1
        self.jobs[id] = Job(id, kind, name, resumable, now)
        return self.jobs[id]

    def status(self, job: Job) -> Literal["created", "in_progress", "complete", "expired"]:
        """Return how far a job is."""
        now = self.clock()
        if job.ids is None:
            return "created" if now < job.created + _UPLOAD_SECONDS else "expired"
        return "complete" if now >= job.done else "in_progress"

    def json(self, job: Job, base: str) -> dict[str, Any]:
        """Return a job as X writes it; its addresses are on the server at `base`."""
        upload_ends, download_ends = int(job.created) + _UPLOAD_SECONDS, int(job.created) + _DOWNLOAD_SECONDS
        made: dict[str, Any] = {
            "id": str(job.id), "type": job.type, "status": self.status(job), "resumable": job.resumable,
            "created_at": _instant(job.created),
            "upload_url": base + self._path(job, "submission", upload_ends),
            "upload_expires_at": _instant(upload_ends),
            "download_url": base + self._path(job, "delivery", download_ends),
            "download_expires_at": _instant(download_ends),
        }
        return made | ({"name": job.name} if job.name else {})

    def _path(self, job: Job, what: str, ends: int) -> str:
        return f"/compliance/{job.id}/{what}/{ends}/{self._seal(f'{job.id} {what} {ends}')}"

    def _seal(self, text: str) -> str:
        return hmac.new(self._key, text.encode(), hashlib.sha256).hexdigest()[:32]

    # -- the addresses ------------------------------------------------------------------------------------------

    def elsewhere(self, environ: WSGIEnvironment) -> Reply:
        """Answer a request to a job's addresses, which take no credentials."""
        hit = _PATH.fullmatch(environ["PATH_INFO"])
        job = self.jobs.get(int(hit["id"])) if hit else None
        if hit is None or job is None:
            return _no(404, "NoSuchKey")
        if not hmac.compare_digest(self._seal(f"{hit['id']} {hit['what']} {hit['ends']}"), hit["seal"]):
            return _no(403, "SignatureDoesNotMatch")
        if "HTTP_AUTHORIZATION" in environ:
            return _no(400, "InvalidRequest: this address is signed and takes no Authorization header")
        if self.clock() >= int(hit["ends"]):
            return _no(400, "ExpiredToken: this address has ended")
        submits = hit["what"] == "submission"
        if environ["REQUEST_METHOD"] != ("PUT" if submits else "GET"):
            return _no(405, "MethodNotAllowed")
        return self._put(job, environ) if submits else self._get(job)

    def _get(self, job: Job) -> Reply:
        if self.status(job) != "complete":
            return _no(404, "NoSuchKey: there is no result yet")
        return Reply(200, self._result(job), JSON)

    def _put(self, job: Job, environ: WSGIEnvironment) -> Reply:
        if environ.get("CONTENT_TYPE", "") != "text/plain":
            return _no(403, "SignatureDoesNotMatch: the content type is signed, and is text/plain")
        if job.ids is None:
            body: IO[bytes] = environ["wsgi.input"]
            lines = (line[:_LONGEST_LINE].decode("utf-8", "replace").strip() for line in body)
            job.ids = [line for line in lines if line]
            job.done = self.clock() + self.processing_seconds
        return Reply(200, b"", TEXT)

    # -- the result ---------------------------------------------------------------------------------------------

    def _result(self, job: Job) -> bytes:
        """One line for each id that must go; ids without an event, and ids of nothing, have none."""
        tell = self._post if job.type == "tweets" else self._user
        found = (tell(int(id)) for id in dict.fromkeys(job.ids or ()) if id.isdecimal())
        return b"".join(to_json(each) + b"\n" for each in found if each is not None)

    def _post(self, id: int) -> dict[str, str] | None:
        post = self._community.posts.get(id)
        if post is None:
            return None
        reason = "deleted" if post.state == "deleted" else _reason(post.author)
        if reason is None:
            return None
        return _line(id, stamp(moment(id))[:-4] + f"{moment(id) % 1000:03d}Z", reason)

    def _user(self, id: int) -> dict[str, str] | None:
        person = self._community.people.get(id)
        reason = None if person is None else _reason(person)
        if person is None or reason is None:
            return None
        return _line(id, stamp(person.at - person.at % 1000)[:-5] + "+00:00", reason)


def _reason(person: Person) -> str | None:
    return None if person.standing == "active" else person.standing


def _line(id: int, created_at: str, reason: str) -> dict[str, str]:
    """One line of a result; X often leaves out when something went."""
    made = {"id": str(id), "action": "delete", "created_at": created_at}
    if zlib.crc32(str(id).encode()) % 3:
        made["redacted_at"] = created_at
    return made | {"reason": reason}


def _instant(seconds: float) -> str:
    return stamp(int(seconds) * 1000)


def _no(status: int, text: str) -> Reply:
    return Reply(status, json.dumps(text).encode(), TEXT)
