"""Uploads: one request for images, else initialize, append and finalize; then X's processing.

All requests here can be repeated: an unused media id expires, and X identifies a chunk by its
number.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from xframes.errors import (
    ApiError,
    ArgumentError,
    Interrupted,
    InvalidRequest,
    OutcomeUnknown,
    Resumable,
    Unavailable,
    XframesError,
)
from xframes.frames import Frames
from xframes.screen import counted
from xframes.write.sending import Sending, answer, open_run, request, writing_client

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from xframes.archive import Archive
    from xframes.client import Client
    from xframes.wire import Page, Request
    from xframes.write.files import MediaFile

_COMMANDS = {
    "write.initialize_upload": "INIT", "write.append_upload": "APPEND",
    "write.finalize_upload": "FINALIZE",
}
_FAILED = "processing-failed"  # the kind of the error if X cannot process a file
_PATIENCE = 3600.0  # seconds X may take to process a file
_PAUSES = (1, 60)  # bounds of the seconds between two status requests


def first_request(file: MediaFile, owners: str | None) -> Request:
    """Return the first request of an upload."""
    if file.chunked:
        return request("write.initialize_upload", _initial(file, owners))
    arguments = {
        "path": file.path, "media_category": file.category, "additional_owners": owners,
    }
    return replace(request("write.upload_media", arguments), files={"media": file.bytes()})


@dataclass
class Upload(Resumable):
    """The upload of one file.

    `media_id` is None until X has assigned one, unless an upload is continued. `arguments` are
    those of its run, `pages` X's answers after the whole file was sent, `sent` the numbers of the
    chunks that X has.
    """

    file: MediaFile
    client: Client
    into: Archive | None
    owners: str | None
    alt_text: str | None
    media_id: str | None
    arguments: Mapping[str, str]
    pages: list[Page] = field(default_factory=list)
    sent: set[int] = field(default_factory=set)
    # whether the server accepts only `command=` on one path, as in X's older documentation
    command: bool = False
    proven: bool = False  # whether the server has accepted a step on its own path

    def run(self, progress: bool | None) -> Frames:
        """Send what X lacks, wait until X has processed the file, and set its alt text.

        Returns Frames of the last answers. Once X has assigned a media id, an error is raised as
        Interrupted, which can resume with that id; except errors that would happen again.
        """
        if self.media_id is not None and self.into is not None:
            self.sent |= _stored_chunks(self.into, self.media_id, self.file)
        with open_run(self.into, "write.upload_media", self.arguments) as keep:
            try:
                return Frames.from_pages(self._pages(Sending(self.client, keep), progress))
            except (XframesError, OSError, KeyboardInterrupt) as error:
                if self.media_id is None:
                    raise
                if isinstance(error, XframesError) and _is_final(error):
                    error.media_id = self.media_id
                    raise
                raise self._interrupted(error) from error

    def _pages(self, sending: Sending, progress: bool | None) -> list[Page]:
        if not self.pages:
            self.pages.append(self._send(sending, progress))
        self._wait(sending)
        if self.alt_text is None:
            return self.pages
        metadata = sending.call(
            "write.set_media_metadata", media_id=self.media_id, alt_text=self.alt_text
        )
        return [*self.pages, metadata]

    def _send(self, sending: Sending, progress: bool | None) -> Page:
        """Send the file, or what X lacks of it. Returns X's answer to the whole file."""
        page = self._whole(sending) if self.media_id is None else self._earlier(sending)
        return page or self._in_chunks(sending, progress)

    def _earlier(self, sending: Sending) -> Page | None:
        """Return the status of an earlier upload if X has the whole file, else None."""
        if self.sent and len(self.sent) < self.file.segments:
            return None
        try:
            page = self._status(sending)
        except ApiError:
            return None
        in_one_request = not self.file.chunked and not self.sent
        is_complete = str(_data(page).get("size")) == str(self.file.size)
        if in_one_request or is_complete or _processing(page):
            return page
        return None

    def _whole(self, sending: Sending) -> Page | None:
        """Send a small file in one request. Returns None if it has to be sent in chunks."""
        if self.file.chunked:
            return None
        try:
            page = self._retry(sending, first_request(self.file, self.owners))
        except ApiError as error:
            if not _is_unknown_path(error) and "command" not in str(error):
                raise
            return None
        self.media_id = _media_id(page)
        return page

    def _in_chunks(self, sending: Sending, progress: bool | None) -> Page:
        """Initialize, append every missing chunk, finalize."""
        from xframes.progress import bar

        if self.media_id is None:
            initial = _initial(self.file, self.owners)
            self.media_id = _media_id(self._step(sending, "write.initialize_upload", **initial))
        file = self.file
        with bar(progress, f"upload {file.path.name}", "B", file.size) as advance:
            for number in range(file.segments):
                if number not in self.sent:
                    self._append(sending, number)
                advance(min(file.chunk, file.size - number * file.chunk))
        return self._finalize(sending)

    def _append(self, sending: Sending, number: int) -> None:
        self._step(
            sending, "write.append_upload", media_id=self.media_id, segment_index=number,
            media=self.file.path, files={"media": self.file.bytes(number)},
        )
        self.sent.add(number)

    def _finalize(self, sending: Sending) -> Page:
        """Finalize. If no answer comes, check the status before sending it again."""
        for pause in self._pauses():
            try:
                return self._step(
                    sending, "write.finalize_upload", media_id=self.media_id, retry=False
                )
            except (OutcomeUnknown, Unavailable):
                try:
                    page = self._status(sending)
                except ApiError:
                    page = None
                if page is not None and _processing(page):
                    return page
                if pause is None:
                    raise
                self.client.sleep(pause)
        raise AssertionError("the last try returns or raises")

    def _wait(self, sending: Sending) -> None:
        """Wait until X has processed the file, and keep the last status."""
        waited = 0.0
        while (info := _processing(self.pages[-1])) and info.get("state") != "succeeded":
            if info.get("state") == "failed":
                reason = json.dumps(info.get("error") or "no reason stated", ensure_ascii=False)
                raise InvalidRequest(
                    f"write.upload_media: X could not process {self.file.path.name}: {reason} "
                    f"(media id {self.media_id})",
                    action="write.upload_media", kind=_FAILED,
                )
            if waited >= _PATIENCE:
                raise XframesError(
                    f"write.upload_media: X has not processed {self.file.path.name} after "
                    f'{waited:,.0f} s; xf.media.upload_status("{self.media_id}") shows its state',
                    action="write.upload_media", retryable=True,
                )
            shortest, longest = _PAUSES
            seconds = min(max(float(info.get("check_after_secs") or 1), shortest), longest)
            self.client.sleep(seconds)
            waited += seconds
            self.pages[1:] = [self._status(sending)]

    def _status(self, sending: Sending) -> Page:
        return sending.call("media.upload_status", media_id=self.media_id, command="STATUS")

    # requests ---------------------------------------------------------------------------------

    def _step(
        self, sending: Sending, name: str, *, files: Mapping[str, bytes] | None = None,
        retry: bool = True, **arguments: Any,
    ) -> Page:
        """Send one of the three steps, to its own path or as `command=`, as the server accepts."""
        step = replace(request(name, arguments, self.client), files=files)
        if not self.command:
            try:
                page = self._send_step(sending, step, retry=retry)
            except ApiError as error:
                if self.proven or not _is_unknown_path(error):
                    raise
                self.command = True
            else:
                self.proven = True
                return page
        return self._send_step(sending, _as_command(step), retry=retry)

    def _send_step(self, sending: Sending, step: Request, *, retry: bool) -> Page:
        if retry:
            return self._retry(sending, step)
        return sending.send(step)

    def _retry(self, sending: Sending, to_send: Request) -> Page:
        """Send a request that can be repeated, as often as the client's retries allow."""
        for pause in self._pauses():
            try:
                return sending.send(to_send)
            except (OutcomeUnknown, Unavailable):
                if pause is None:
                    raise
                self.client.sleep(pause)
        raise AssertionError("the last try returns or raises")

    def _pauses(self) -> Iterator[float | None]:
        """Yield the seconds to wait after each try; None after the last."""
        for failures in range(1, self.client.retries.attempts):
            yield self.client.retries.pause(failures)
        yield None

    def _interrupted(self, error: BaseException) -> Interrupted:
        reason = str(error) or type(error).__name__
        progress = f"after {len(self.sent):,} of {counted(self.file.segments, 'chunk')}"
        if self.pages:
            progress = f"after X had the whole of {self.file.path.name}"
        return Interrupted(
            f"write.upload_media stopped {progress}: {reason}. To continue without sending "
            f'anything twice, call `.resume()` or pass media_id="{self.media_id}"',
            rows=len(self.sent), media_id=self.media_id, resume=self._resume,
            action="write.upload_media",
        )

    def _resume(self, *, client: Client | None = None, progress: bool | None = None) -> Frames:
        self.client = writing_client(client or self.client, "write.upload_media")
        return self.run(progress)


def _initial(file: MediaFile, owners: str | None) -> dict[str, Any]:
    """Return the arguments of the first step."""
    return {
        "media_type": file.media_type, "total_bytes": file.size, "media_category": file.category,
        "additional_owners": owners,
    }


def _as_command(step: Request) -> Request:
    """Convert a step to the form in X's older documentation, a form with `command`.

    The command is also sent in the query string.
    """
    body = dict(step.body or {})
    for key, value in body.items():
        if isinstance(value, list):
            body[key] = ",".join(value)
    words = {"command": _COMMANDS[step.action or ""]}
    words |= {name: step.args[name] for name in ("media_id", "media_type") if name in step.args}
    return replace(
        step, path="/2/media/upload", params=words, body={**words, **body},
        files=step.files or {},
    )


def _is_unknown_path(error: ApiError) -> bool:
    return error.status in {404, 405}


def _is_final(error: XframesError) -> bool:
    """Whether resuming would fail again: the file has changed, or X cannot process it."""
    if isinstance(error, InvalidRequest):
        return error.kind == _FAILED
    return isinstance(error, ArgumentError)


def _data(page: Page) -> dict[str, Any]:
    data, _ = answer(page)
    return _as_dict(data)


def _processing(page: Page) -> dict[str, Any]:
    """Return what X says about the processing of the file."""
    return _as_dict(_data(page).get("processing_info"))


def _as_dict(value: Any) -> dict[str, Any]:
    """Return the value, or an empty dict if X sent something else."""
    if isinstance(value, dict):
        return value
    return {}


def _media_id(page: Page) -> str:
    data = _data(page)
    media_id = data.get("id") or data.get("media_id")
    if not media_id:
        raise Unavailable(
            f"write.upload_media: expected a media id in X's answer, got {data!r:.80}",
            action="write.upload_media",
        )
    return str(media_id)


def _stored_chunks(into: Archive, media_id: str, file: MediaFile) -> set[int]:
    """Return the numbers of the file's chunks that X has, according to an archive."""
    query = "SELECT arguments FROM writes WHERE action = 'write.append_upload'"
    numbers = set[int]()
    if not into.exists:
        return numbers
    for (text,) in into.sql(query).fetchall():
        arguments = json.loads(text)
        if arguments["media_id"] == media_id and arguments["media"] == file.path.name:
            numbers.add(int(arguments["segment_index"]))
    return numbers
