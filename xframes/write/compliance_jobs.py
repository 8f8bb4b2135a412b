"""Batch compliance: X says which of your posts or users are gone."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import blake2b
from tempfile import SpooledTemporaryFile
from typing import TYPE_CHECKING, Any, Literal, overload
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
from xframes.write.sending import Sending, Written, keeping, opened, rejected, request, write

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_PAGE_BYTES = 1_000_000  # lines of a result in one page
_SPOOL = 16_000_000  # bytes of a result held in memory; larger ones go to disk
_PATIENCE = 6 * 3600.0  # seconds X may take for a job
_LONGEST = 60.0  # seconds between two questions whether it is done
_RUN = "write.run_compliance_job"


@overload
def create_compliance_job(
    type: Literal["tweets", "users"], *, name: str | None = None, resumable: bool | None = None,
    into: Archive | None = None, client: Client | None = None, dry_run: Literal[False] = False,
) -> Frames: ...
@overload
def create_compliance_job(
    type: Literal["tweets", "users"], *, name: str | None = None, resumable: bool | None = None,
    into: Archive | None = None, client: Client | None = None, dry_run: Literal[True],
) -> Request: ...
@overload
def create_compliance_job(
    type: Literal["tweets", "users"], *, name: str | None = None, resumable: bool | None = None,
    into: Archive | None = None, client: Client | None = None, dry_run: bool,
) -> Written: ...
@document("write.create_compliance_job")
def create_compliance_job(
    type: Literal["tweets", "users"], *, name: str | None = None, resumable: bool | None = None,
    into: Archive | None = None, client: Client | None = None, dry_run: bool = False,
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
        "write.create_compliance_job", type=type, name=name, resumable=resumable, into=into,
        client=client, dry_run=dry_run,
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
    client = opened(client, _RUN, "write.create_compliance_job")
    every = registry.Param("ids", "ids", min=1, pattern=ID)
    found: list[str] = check(every, ids, now=client.now())
    digest = blake2b(f"{type} {' '.join(sorted(found))}".encode(), digest_size=16).hexdigest()
    name = f"xframes-{digest}"
    request("write.create_compliance_job", {"type": type, "name": name}, client)  # the type is checked, too
    return _Job(found, type, name, client, into).run()


@dataclass
class _Job(Resumable):
    """A job for these ids, told from others at X by its name."""

    ids: list[str]
    type: Literal["tweets", "users"]
    name: str
    client: Client
    into: Archive | None
    pages: list[Page] = field(default_factory=list)

    def run(self) -> Frames:
        """Make the job or find it, and take it to its end."""
        job = self._found()
        arguments = {"type": self.type, "name": self.name, "ids": len(self.ids)}
        with keeping(self.into, _RUN, arguments) as keep:
            sending, found = Sending(self.client, keep), job is not None
            if job is None:
                page = sending.ask("write.create_compliance_job", type=self.type, name=self.name)
                self.pages.append(page)
                job = _data(page)
            if job["status"] == "created":
                job = self._uploaded(sending, job, found=found)
            if job["status"] != "complete":
                job = self._complete(sending, job)
            for page in self._result(job):
                keep(page)
                self.pages.append(page)
        frames = Frames.from_pages(self.pages)
        frames.main = "removals"
        return frames

    # finding -----------------------------------------------------------------------------------------------------

    def _found(self) -> dict[str, Any] | None:
        """The newest job of this name that can be gone on with."""
        listed = compliance.jobs(self.type, client=self.client)["compliance_jobs"].to_pylist()
        known = self._known()
        rows = [row for row in listed if row["name"] == self.name or row["id"] in known]
        for id_ in known - {row["id"] for row in listed}:  # lists leave some out
            try:
                rows += compliance.job(id_, client=self.client)["compliance_jobs"].to_pylist()
            except NotFound:  # X has forgotten it
                continue
        rows.sort(key=lambda row: row["created_at"] or datetime.min.replace(tzinfo=UTC), reverse=True)
        return next((row for row in rows if self._usable(row, known)), None)

    def _known(self) -> set[str]:
        """The jobs of this name the archive has seen made."""
        if self.into is None:
            return set()
        query = "SELECT arguments, answer FROM writes WHERE action = 'write.create_compliance_job'"
        rows = [(json.loads(asked), json.loads(told or "{}")) for asked, told in self.into.sql(query).fetchall()]
        return {str(told["id"]) for asked, told in rows if asked.get("name") == self.name and "id" in told}

    def _usable(self, job: dict[str, Any], known: set[str]) -> bool:
        """Whether a job still leads to a result that is not in the archive."""
        if job["status"] == "created":
            return bool(job["upload_url"]) and self._ahead(job["upload_expires_at"])
        if job["status"] == "complete":  # an older result is no answer, unless it was never fetched
            return job["id"] in known and self._ahead(job["download_expires_at"]) and not self._taken(job)
        return bool(job["status"] == "in_progress")

    def _ahead(self, when: datetime | None) -> bool:
        return when is None or when > self.client.now()

    def _taken(self, job: dict[str, Any]) -> bool:
        """Whether the archive has the whole result."""
        assert self.into is not None
        query = "SELECT 1 FROM requests JOIN runs USING (run_id) WHERE path = ? AND state = 'done'"
        return bool(self.into.sql(query, [urlsplit(job["download_url"] or "").path]).fetchall())

    # carrying out ------------------------------------------------------------------------------------------------

    def _uploaded(self, sending: Sending, job: dict[str, Any], *, found: bool) -> dict[str, Any]:
        """Upload the ids; when X refuses them, it may have them already, or says soon that it expired."""
        try:
            self.client.upload(job["upload_url"], "".join(f"{id_}\n" for id_ in self.ids).encode())
        except ApiError as error:
            job = self._asked(sending, job)
            if job["status"] == "created" and (error.retryable or not found):
                raise
        return job

    def _complete(self, sending: Sending, job: dict[str, Any]) -> dict[str, Any]:
        """Ask until the job is complete."""
        waited, pause = 0.0, 1.0
        while (job := self._asked(sending, job))["status"] != "complete":
            if job["status"] in {"failed", "expired"}:
                raise XframesError(
                    f"{_RUN}: X says job {job['id']} {job['status']}; run it again to make a new one",
                    action="compliance.job", retryable=True,
                )
            if waited >= _PATIENCE:
                raise Interrupted(
                    f"{_RUN}: X works on job {job['id']} for longer than {_PATIENCE / 3600:.0f} "
                    "hours; `.resume()`, or running it again, goes on waiting",
                    resume=self._resume, action="compliance.job", retryable=True,
                )
            self.client.sleep(pause)
            waited, pause = waited + pause, min(pause * 2, _LONGEST)
        return job

    def _asked(self, sending: Sending, job: dict[str, Any]) -> dict[str, Any]:
        """What X says of the job now; the page is kept when that is news."""
        page = self.client.send(request("compliance.job", {"job_id": job["id"]}, self.client))
        now = _data(page)
        if now["status"] != job["status"]:
            sending.keep(page)
            self.pages.append(page)
        return now

    def _result(self, job: dict[str, Any]) -> Iterator[Page]:
        """The result as pages, each a JSON list of its lines as they came; one without lines when nothing is gone."""
        with SpooledTemporaryFile(max_size=_SPOOL) as file:
            self.client.download(job["download_url"], file)
            file.seek(0)
            asked = Request("GET", urlsplit(job["download_url"]).path)  # the query holds the signature
            for body in _bodies(lines(file)):
                yield Page(asked, body, self.client.now(), page_id=page_id(asked, body))

    def _resume(self, *, client: Client | None = None) -> Frames:
        return run_compliance_job(self.ids, self.type, into=self.into, client=client or self.client)


def _bodies(lines: Iterable[bytes]) -> Iterator[bytes]:
    """Lines in lists of about a megabyte; a line that is no JSON stands alone, so that it spoils no other."""
    held: list[bytes] = []
    size, given = 0, False
    for line in (stripped for raw in lines if (stripped := raw.strip())):
        if not is_json(line):
            given = True
            yield line
            continue
        held.append(line)
        size += len(line)
        if size >= _PAGE_BYTES:
            given = True
            yield b"[" + b",".join(held) + b"]"
            held, size = [], 0
    if held or not given:
        yield b"[" + b",".join(held) + b"]"


def _data(page: Page) -> dict[str, Any]:
    data, _ = rejected(page)
    if not isinstance(data, dict) or not data.get("id"):
        raise XframesError(f"{_RUN}: X's answer names no job", action=page.request.action)
    return {"status": "created", **data}
