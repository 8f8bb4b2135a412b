"""Batch compliance: jobs of X that report which posts or users are gone."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import blake2b
from tempfile import SpooledTemporaryFile
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, overload
from urllib.parse import urlsplit

from xframes import registry
from xframes.archive import Archive
from xframes.client import Client
from xframes.collect.accounts import compliance
from xframes.collect.dispatch import Ids
from xframes.errors import ApiError, Interrupted, NotFound, Resumable, XframesError
from xframes.frames import Frames
from xframes.plan.values import check
from xframes.reader.bounded import lines
from xframes.registry.documentation import document
from xframes.registry.params import ID
from xframes.wire import Page, Request, is_json, page_id
from xframes.write.sending import Sending, Written, answer, open_run, request, write, writing_client

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

_PAGE_BYTES = 1_000_000  # lines of a result in one page
_SPOOL = 16_000_000  # bytes of a result held in memory; larger ones go to disk
_PATIENCE = 6 * 3600.0  # seconds X may take for a job
_LONGEST = 60.0  # seconds between two requests for the state of a job
_RUN = "write.run_compliance_job"


JobField: TypeAlias = Literal[
    "created_at", "download_expires_at", "download_url", "id", "name", "resumable", "status",
    "type", "upload_expires_at", "upload_url",
]


@overload
def create_compliance_job(
    type: Literal["tweets", "users"], *, name: str | None = None, resumable: bool | None = None,
    job_fields: JobField | Iterable[JobField] | None = None, into: Archive | None = None,
    client: Client | None = None, dry_run: Literal[False] = False,
) -> Frames: ...
@overload
def create_compliance_job(
    type: Literal["tweets", "users"], *, name: str | None = None, resumable: bool | None = None,
    job_fields: JobField | Iterable[JobField] | None = None, into: Archive | None = None,
    client: Client | None = None, dry_run: Literal[True],
) -> Request: ...
@overload
def create_compliance_job(
    type: Literal["tweets", "users"], *, name: str | None = None, resumable: bool | None = None,
    job_fields: JobField | Iterable[JobField] | None = None, into: Archive | None = None,
    client: Client | None = None, dry_run: bool,
) -> Written: ...
@document("write.create_compliance_job")
def create_compliance_job(
    type: Literal["tweets", "users"], *, name: str | None = None, resumable: bool | None = None,
    job_fields: JobField | Iterable[JobField] | None = None, into: Archive | None = None,
    client: Client | None = None, dry_run: bool = False,
) -> Written:
    """Create a compliance job, which reports which posts or users are gone.

    To create a job, upload the ids, wait and download the result in one call, use
    `run_compliance_job`.

    Parameters
    ----------
    type
        What the job checks: posts or users.
    name
        Name to find the job by. Default: none.
    resumable
        Whether the upload can be resumed. Default: no.
    job_fields
    into
    client
    dry_run

    Returns
    -------
    Frames
        `writes` has one row; `compliance_jobs` has the job with its id and `upload_url`.

    Raises
    ------
    ArgumentError
    OutcomeUnknown
    ApiError

    Examples
    --------
    >>> write.create_compliance_job("tweets", name="july").compliance_jobs
    """
    return write(
        "write.create_compliance_job", type=type, name=name, resumable=resumable,
        job_fields=job_fields, into=into, client=client, dry_run=dry_run,
    )


@document("write.create_compliance_job", "compliance.jobs", "compliance.job")
def run_compliance_job(
    ids: Ids, type: Literal["tweets", "users"] = "tweets", *, into: Archive | None = None,
    client: Client | None = None,
) -> Frames:
    """Report which of these posts or users are gone at X.

    Creates a compliance job, uploads the ids, waits until X has finished (minutes to hours) and
    downloads the result. After an interruption, call it again with the same ids: it continues the
    job that X still has. The archive is not changed otherwise; to remove what is gone, use
    `archive.apply_compliance`.

    Parameters
    ----------
    ids
        Ids of posts or users, as text or whole numbers, in any iterable, e.g. a column.
    type
        What the ids are: posts ("tweets") or users.
    into
        Archive that also keeps the result. A result that it lacks is downloaded again. Default:
        none.
    client

    Returns
    -------
    Frames
        `removals` has one row per post or user that is gone, and none for the others.

    Raises
    ------
    Interrupted
        X takes longer than six hours. Call `resume()` to wait longer.
    XframesError
        The job failed or expired at X.
    ArgumentError
    OutcomeUnknown
    ApiError

    Examples
    --------
    >>> write.run_compliance_job(archive.frame("posts")["id"], into=archive).removals
    """
    return _job(ids, type, into, client).run()


def advance_compliance_job(
    ids: Ids, type: Literal["tweets", "users"], *, into: Archive, client: Client, is_begun: bool,
) -> Frames | None:
    """Begin a job, or download its result if X has finished; None while X works on it.

    It never waits. `is_begun` says that it was called before with these ids.

    Raises
    ------
    XframesError
        The job failed or expired at X. A call with `is_begun=False` creates a new one.
    """
    return _job(ids, type, into, client).advance(is_begun=is_begun)


def _job(
    ids: Ids, type: Literal["tweets", "users"], into: Archive | None, client: Client | None
) -> _Job:
    client = writing_client(client, _RUN, "write.create_compliance_job")
    every = registry.Param("ids", "ids", min=1, pattern=ID)
    unique: list[str] = check(every, ids, now=client.now())
    digest = blake2b(f"{type} {' '.join(sorted(unique))}".encode(), digest_size=16).hexdigest()
    name = f"xframes-{digest}"
    request("write.create_compliance_job", {"type": type, "name": name}, client)  # checks `type`
    return _Job(unique, type, name, client, into)


@dataclass
class _Job(Resumable):
    """A job for a set of ids. Its name identifies it at X."""

    ids: list[str]
    type: Literal["tweets", "users"]
    name: str
    client: Client
    into: Archive | None
    pages: list[Page] = field(default_factory=list)

    def run(self) -> Frames:
        """Find the job or create it, upload the ids, wait, and download the result."""
        job = self._earlier_job()
        with self._open_run() as keep:
            sending = Sending(self.client, keep)
            job = self._begin(sending, job)
            if job["status"] != "complete":
                job = self._complete(sending, job)
            self._download(sending, job)
        return self._frames()

    def advance(self, *, is_begun: bool) -> Frames | None:
        """Begin the job, or download its result if X has finished; None while X works on it."""
        job = self._earlier_job()
        if job is None and is_begun:
            raise _failed("failed or expired")
        if job is not None and job["status"] == "in_progress":
            return None
        with self._open_run() as keep:
            sending = Sending(self.client, keep)
            job = self._begin(sending, job)
            if job["status"] != "complete":
                job = self._state(sending, job)
            if job["status"] != "complete":
                return None
            self._download(sending, job)
        return self._frames()

    def _open_run(self) -> AbstractContextManager[Callable[[Page], object]]:
        arguments = {"type": self.type, "name": self.name, "ids": len(self.ids)}
        return open_run(self.into, _RUN, arguments)

    def _begin(self, sending: Sending, job: dict[str, Any] | None) -> dict[str, Any]:
        """Create the job unless there is one, and upload the ids."""
        is_new = job is None
        if job is None:
            page = sending.call("write.create_compliance_job", type=self.type, name=self.name)
            self.pages.append(page)
            job = _data(page)
        if job["status"] == "created":
            job = self._upload(sending, job, is_new=is_new)
        return job

    def _download(self, sending: Sending, job: dict[str, Any]) -> None:
        """Keep the pages of the result."""
        for page in self._result(job):
            sending.keep(page)
            self.pages.append(page)

    def _frames(self) -> Frames:
        frames = Frames.from_pages(self.pages)
        frames.main = "removals"
        return frames

    # find the job -----------------------------------------------------------------------------

    def _earlier_job(self) -> dict[str, Any] | None:
        """Return the newest job with this name that can be continued, or None."""
        listed = compliance.jobs(self.type, client=self.client)["compliance_jobs"].to_pylist()
        known = self._known_ids()
        rows = [row for row in listed if row["name"] == self.name or row["id"] in known]
        for id_ in known - {row["id"] for row in listed}:  # X's list may be incomplete
            try:
                rows += compliance.job(id_, client=self.client)["compliance_jobs"].to_pylist()
            except NotFound:  # X keeps a job only for some days
                continue
        oldest = datetime.min.replace(tzinfo=UTC)
        rows.sort(key=lambda row: row["created_at"] or oldest, reverse=True)
        return next((row for row in rows if self._usable(row, known)), None)

    def _known_ids(self) -> set[str]:
        """Return the ids of jobs with this name whose creation is in the archive."""
        if self.into is None or not self.into.exists:
            return set()
        query = "SELECT arguments, answer FROM writes WHERE action = 'write.create_compliance_job'"
        ids = set()
        for arguments, text in self.into.sql(query).fetchall():
            answer_ = json.loads(text or "{}")
            if json.loads(arguments).get("name") == self.name and "id" in answer_:
                ids.add(str(answer_["id"]))
        return ids

    def _usable(self, job: dict[str, Any], known: set[str]) -> bool:
        """Whether a job can still return a result that the archive lacks."""
        if job["status"] == "created":
            return bool(job["upload_url"]) and self._is_ahead(job["upload_expires_at"])
        if job["status"] == "complete":  # an older result is out of date, if it was downloaded
            is_ours = job["id"] in known and self._is_ahead(job["download_expires_at"])
            return is_ours and not self._has_result(job)
        return bool(job["status"] == "in_progress")

    def _is_ahead(self, when: datetime | None) -> bool:
        return when is None or when > self.client.now()

    def _has_result(self, job: dict[str, Any]) -> bool:
        """Whether the archive has the whole result."""
        assert self.into is not None
        query = "SELECT 1 FROM requests JOIN runs USING (run_id) WHERE path = ? AND state = 'done'"
        return bool(self.into.sql(query, [urlsplit(job["download_url"] or "").path]).fetchall())

    # carry it out -----------------------------------------------------------------------------

    def _upload(self, sending: Sending, job: dict[str, Any], *, is_new: bool) -> dict[str, Any]:
        """Upload the ids. X refuses them if it already has them or if the job has expired."""
        try:
            self.client.upload(job["upload_url"], "".join(f"{id_}\n" for id_ in self.ids).encode())
        except ApiError as error:
            job = self._state(sending, job)
            if job["status"] == "created" and (error.retryable or is_new):
                raise
        return job

    def _complete(self, sending: Sending, job: dict[str, Any]) -> dict[str, Any]:
        """Request the job's state until it is complete."""
        waited, pause = 0.0, 1.0
        while (job := self._state(sending, job))["status"] != "complete":
            if job["status"] in {"failed", "expired"}:
                raise _failed(job["status"])
            if waited >= _PATIENCE:
                raise Interrupted(
                    f"{_RUN}: X has worked on job {job['id']} for longer than "
                    f"{_PATIENCE / 3600:.0f} hours. To wait longer, call `.resume()`",
                    resume=self._resume, action="compliance.job", retryable=True,
                )
            self.client.sleep(pause)
            waited, pause = waited + pause, min(pause * 2, _LONGEST)
        return job

    def _state(self, sending: Sending, job: dict[str, Any]) -> dict[str, Any]:
        """Request the job. Its page is stored if the status has changed."""
        page = self.client.send(request("compliance.job", {"job_id": job["id"]}, self.client))
        now = _data(page)
        if now["status"] != job["status"]:
            sending.keep(page)
            self.pages.append(page)
        return now

    def _result(self, job: dict[str, Any]) -> Iterator[Page]:
        """Download the result. Yields pages, each a JSON list of lines; at least one page."""
        with SpooledTemporaryFile(max_size=_SPOOL) as file:
            self.client.download(job["download_url"], file)
            file.seek(0)
            # without the query string, which contains the signature
            download = Request("GET", urlsplit(job["download_url"]).path)
            for body in _bodies(lines(file)):
                yield Page(download, body, self.client.now(), page_id=page_id(download, body))

    def _resume(self, *, client: Client | None = None) -> Frames:
        return run_compliance_job(self.ids, self.type, into=self.into, client=client or self.client)


def _failed(state: str) -> XframesError:
    return XframesError(
        f"{_RUN}: the job {state} at X; call it again to create a new job",
        action="compliance.job", retryable=True,
    )


def _bodies(lines: Iterable[bytes]) -> Iterator[bytes]:
    """Join lines to JSON lists of about a megabyte. A line that is not JSON is a body of its own.

    Without lines, yields one empty list.
    """
    batch: list[bytes] = []
    size, is_empty = 0, True
    for line in filter(None, map(bytes.strip, lines)):
        if not is_json(line):
            is_empty = False
            yield line
            continue
        batch.append(line)
        size += len(line)
        if size >= _PAGE_BYTES:
            is_empty = False
            yield b"[" + b",".join(batch) + b"]"
            batch, size = [], 0
    if batch or is_empty:
        yield b"[" + b",".join(batch) + b"]"


def _data(page: Page) -> dict[str, Any]:
    data, _ = answer(page)
    if not isinstance(data, dict) or not data.get("id"):
        raise XframesError(
            f"{_RUN}: expected a job with an id in X's answer, got {data!r:.80}",
            action=page.request.action,
        )
    return {"status": "created", **data}
