"""Batch compliance: jobs, the address for their ids, and the file with the result for each."""

from __future__ import annotations

import hashlib
import hmac
import json
import re
import time
import zlib
from dataclasses import dataclass, field
from typing import IO, TYPE_CHECKING, Any, Literal

from xframes.sandbox.protocol.reply import JSON, TEXT, Reply, to_json
from xframes.sandbox.world.snowflakes import moment, snowflake, stamp

if TYPE_CHECKING:
    from collections.abc import Callable
    from wsgiref.types import WSGIEnvironment

    from xframes.sandbox.world.community import Community
    from xframes.sandbox.world.model import Person

_UPLOAD_SECONDS = 900
_DOWNLOAD_SECONDS = 7 * 86_400
_PATH = re.compile(
    r"/compliance/(?P<id>[0-9]+)/(?P<what>submission|delivery)/(?P<ends>[0-9]+)/(?P<seal>[0-9a-f]+)"
)
_METHODS = {"submission": "PUT", "delivery": "GET"}
_LONGEST_LINE = 100


@dataclass(slots=True)
class Job:
    """One job. Instants are Unix seconds; `ids` is None until they are uploaded."""

    id: int
    type: Literal["tweets", "users"]
    name: str | None
    resumable: bool
    created: float
    ids: list[str] | None = field(default=None, repr=False)
    done: float = 0.0  # when it is complete; set with the ids


class Compliance:
    """The compliance jobs of an app: `jobs`, by id.

    A job is complete `processing_seconds` after the upload of its ids.
    """

    def __init__(self, community: Community, key: str) -> None:
        self.jobs: dict[int, Job] = {}
        self.processing_seconds = 1.0
        self.clock: Callable[[], float] = time.time
        self._community = community
        self._key = key.encode()

    def create(
        self, kind: Literal["tweets", "users"], name: str | None, *, resumable: bool
    ) -> Job | None:
        """Return a new job, or None while one of that kind is in progress."""
        if any(
            job.type == kind and self.status(job) == "in_progress" for job in self.jobs.values()
        ):
            return None
        now = self.clock()
        id = max([snowflake(int(now * 1000)), *self.jobs]) + 1
        self.jobs[id] = Job(id, kind, name, resumable, now)
        return self.jobs[id]

    def status(self, job: Job) -> Literal["created", "in_progress", "complete", "expired"]:
        """Return the state of a job."""
        now = self.clock()
        if job.ids is not None:
            return "complete" if now >= job.done else "in_progress"
        return "created" if now < job.created + _UPLOAD_SECONDS else "expired"

    def json(self, job: Job, base: str) -> dict[str, Any]:
        """Return a job as X writes it; its addresses are on the server at `base`."""
        upload_ends = int(job.created) + _UPLOAD_SECONDS
        download_ends = int(job.created) + _DOWNLOAD_SECONDS
        fields: dict[str, Any] = {
            "id": str(job.id),
            "type": job.type,
            "status": self.status(job),
            "resumable": job.resumable,
            "created_at": _instant(job.created),
            "upload_url": base + self._path(job, "submission", upload_ends),
            "upload_expires_at": _instant(upload_ends),
            "download_url": base + self._path(job, "delivery", download_ends),
            "download_expires_at": _instant(download_ends),
        }
        if job.name:
            fields["name"] = job.name
        return fields

    def _path(self, job: Job, what: str, ends: int) -> str:
        return f"/compliance/{job.id}/{what}/{ends}/{self._seal(f'{job.id} {what} {ends}')}"

    def _seal(self, text: str) -> str:
        return hmac.new(self._key, text.encode(), hashlib.sha256).hexdigest()[:32]

    # -- the addresses ----------------------------------------------------------------------------

    def answer(self, environ: WSGIEnvironment) -> Reply:
        """Answer a request to a job's addresses, which take no credentials."""
        hit = _PATH.fullmatch(environ["PATH_INFO"])
        if hit is None or int(hit["id"]) not in self.jobs:
            return _no(404, "NoSuchKey")
        refusal = self._refusal(environ, hit)
        if refusal is not None:
            return refusal
        job = self.jobs[int(hit["id"])]
        if hit["what"] == "submission":
            return self._put(job, environ)
        return self._get(job)

    def _refusal(self, environ: WSGIEnvironment, hit: re.Match[str]) -> Reply | None:
        """Return the refusal of a request whose seal, headers, time or method are wrong."""
        if not hmac.compare_digest(
            self._seal(f"{hit['id']} {hit['what']} {hit['ends']}"), hit["seal"]
        ):
            return _no(403, "SignatureDoesNotMatch")
        if "HTTP_AUTHORIZATION" in environ:
            return _no(
                400, "InvalidRequest: this address is signed and takes no Authorization header"
            )
        if self.clock() >= int(hit["ends"]):
            return _no(400, "ExpiredToken: this address has ended")
        if environ["REQUEST_METHOD"] != _METHODS[hit["what"]]:
            return _no(405, "MethodNotAllowed")
        return None

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

    # -- the result -------------------------------------------------------------------------------

    def _result(self, job: Job) -> bytes:
        """Return one line for each id to remove, and none for other and unknown ids."""
        line_of = self._post_line if job.type == "tweets" else self._user_line
        lines = (line_of(int(id)) for id in dict.fromkeys(job.ids or ()) if id.isdecimal())
        return b"".join(to_json(line) + b"\n" for line in lines if line is not None)

    def _post_line(self, id: int) -> dict[str, str] | None:
        post = self._community.posts.get(id)
        if post is None:
            return None
        reason = _reason(post.author)
        if post.state == "deleted":
            reason = "deleted"
        if reason is None:
            return None
        return _line(id, stamp(moment(id))[:-4] + f"{moment(id) % 1000:03d}Z", reason)

    def _user_line(self, id: int) -> dict[str, str] | None:
        person = self._community.people.get(id)
        if person is None:
            return None
        reason = _reason(person)
        if reason is None:
            return None
        return _line(id, stamp(person.at - person.at % 1000)[:-5] + "+00:00", reason)


def _reason(person: Person) -> str | None:
    return None if person.standing == "active" else person.standing


def _line(id: int, created_at: str, reason: str) -> dict[str, str]:
    """Return one line of a result; X often leaves out the time of removal."""
    line = {"id": str(id), "action": "delete", "created_at": created_at}
    if zlib.crc32(str(id).encode()) % 3:
        line["redacted_at"] = created_at
    return line | {"reason": reason}


def _instant(seconds: float) -> str:
    return stamp(int(seconds) * 1000)


def _no(status: int, text: str) -> Reply:
    return Reply(status, json.dumps(text).encode(), TEXT)
