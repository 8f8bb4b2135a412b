"""An upload on its way: one request for images, else initialize, append, finalize; then X's processing.

Everything here may be sent again: an id nobody uses ends by itself, and X knows each chunk by its number.
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
from xframes.write.sending import Sending, keeping, opened, rejected, request

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from xframes.archive import Archive
    from xframes.client import Client
    from xframes.wire import Page, Request
    from xframes.write.files import MediaFile

_COMMANDS = {"write.initialize_upload": "INIT", "write.append_upload": "APPEND", "write.finalize_upload": "FINALIZE"}
_FAILED = "processing-failed"  # the kind of error X's processing ends in
_PATIENCE = 3600.0  # seconds X may take to process a file
_PAUSES = (1, 60)  # seconds between two questions how far it is, whatever X says


def first_request(file: MediaFile, owners: str | None) -> Request:
    """The first request an upload makes."""
    if file.chunked:
        return request("write.initialize_upload", _beginning(file, owners))
    given = {"path": file.path, "media_category": file.category, "additional_owners": owners}
    return replace(request("write.upload_media", given), files={"media": file.bytes()})


@dataclass
class Upload(Resumable):
    """One file on its way to X. `media_id` is known once X has given it, or when an upload is gone on with.

    `arguments` are those of its run; `pages` what X said of the file since it has all of it.
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
    command: bool = False  # whether the server takes `command=` on one path only, as X's older documents have it
    proven: bool = False

    def run(self, progress: bool | None) -> Frames:
        """Send what is missing, wait for X, describe it; the pages that tell of it as Frames.

        From when X has given a media id, what stops it is raised as Interrupted, which goes on by that id.
        """
        if self.media_id is not None and self.into is not None:
            self.sent |= _kept(self.into, self.media_id, self.file)
        with keeping(self.into, "write.upload_media", self.arguments) as keep:
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
            whole = self._whole(sending) if self.media_id is None else self._known(sending)
            self.pages.append(whole or self._in_chunks(sending, progress))
        self._wait(sending)
        if self.alt_text is None:
            return self.pages
        return [*self.pages, sending.ask("write.set_media_metadata", media_id=self.media_id, alt_text=self.alt_text)]

    def _known(self, sending: Sending) -> Page | None:
        """What X says of an upload begun earlier, when it has the whole file; None when parts may be missing."""
        if self.sent and len(self.sent) < self.file.segments:
            return None
        try:
            page = self._status(sending)
        except ApiError:
            return None
        in_one_piece = not self.file.chunked and not self.sent
        all_of_it = str(_told(page).get("size")) == str(self.file.size)
        return page if in_one_piece or all_of_it or _processing(page) else None

    def _whole(self, sending: Sending) -> Page | None:
        """The answer to a small file sent at once; None when it must go in chunks."""
        if self.file.chunked:
            return None
        try:
            page = self._again(sending, first_request(self.file, self.owners))
        except ApiError as error:
            if not _unknown_path(error) and "command" not in str(error):
                raise
            return None
        self.media_id = _media_id(page)
        return page

    def _in_chunks(self, sending: Sending, progress: bool | None) -> Page:
        """Initialize, append every chunk not sent yet, finalize."""
        from xframes.progress import bar

        if self.media_id is None:
            self.media_id = _media_id(self._step(sending, "write.initialize_upload",
                                                 **_beginning(self.file, self.owners)))
        with bar(progress, f"upload {self.file.path.name}", "B", self.file.size) as advance:
            for number in range(self.file.segments):
                if number not in self.sent:
                    self._append(sending, number)
                advance(min(self.file.chunk, self.file.size - number * self.file.chunk))
        return self._finalized(sending)

    def _append(self, sending: Sending, number: int) -> None:
        self._step(sending, "write.append_upload", media_id=self.media_id, segment_index=number,
                   media=self.file.path, files={"media": self.file.bytes(number)})
        self.sent.add(number)

    def _finalized(self, sending: Sending) -> Page:
        """Finalize; when no answer came, ask X whether it happened before it is sent again."""
        for pause in self._pauses():
            try:
                return self._step(sending, "write.finalize_upload", media_id=self.media_id, again=False)
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
        """Wait until X has processed the file, and keep its last word."""
        waited = 0.0
        while (info := _processing(self.pages[-1])) and info.get("state") != "succeeded":
            if info.get("state") == "failed":
                why = json.dumps(info.get("error") or "no reason given", ensure_ascii=False)
                raise InvalidRequest(
                    f"write.upload_media: X could not process {self.file.path.name}: {why} (media id {self.media_id})",
                    action="write.upload_media", kind=_FAILED,
                )
            if waited >= _PATIENCE:
                raise XframesError(
                    f"write.upload_media: X still processes {self.file.path.name} after {waited:,.0f} s; "
                    f'xf.media.upload_status("{self.media_id}") tells when it is ready',
                    action="write.upload_media", retryable=True,
                )
            seconds = min(max(float(info.get("check_after_secs") or 1), _PAUSES[0]), _PAUSES[1])
            self.client.sleep(seconds)
            waited += seconds
            self.pages[1:] = [self._status(sending)]

    def _status(self, sending: Sending) -> Page:
        return sending.ask("media.upload_status", media_id=self.media_id, command="STATUS")

    # requests ----------------------------------------------------------------------------------------------------

    def _step(
        self, sending: Sending, name: str, *, files: Mapping[str, bytes] | None = None, again: bool = True, **given: Any
    ) -> Page:
        """One of the three steps, in the form the server knows: its own path, or `command=`."""
        made = replace(request(name, given, self.client), files=files)
        if not self.command:
            try:
                page = self._sent(sending, made, again=again)
            except ApiError as error:
                if self.proven or not _unknown_path(error):
                    raise
                self.command = True
            else:
                self.proven = True
                return page
        return self._sent(sending, _as_command(made), again=again)

    def _sent(self, sending: Sending, made: Request, *, again: bool) -> Page:
        return self._again(sending, made) if again else sending.send(made)

    def _again(self, sending: Sending, made: Request) -> Page:
        """Send a request that may be sent twice, as often as the client's patience allows."""
        for pause in self._pauses():
            try:
                return sending.send(made)
            except (OutcomeUnknown, Unavailable):
                if pause is None:
                    raise
                self.client.sleep(pause)
        raise AssertionError("the last try returns or raises")

    def _pauses(self) -> Iterator[float | None]:
        """Seconds after each try; None after the last."""
        for failures in range(1, self.client.retries.attempts):
            yield self.client.retries.pause(failures)
        yield None

    def _interrupted(self, error: BaseException) -> Interrupted:
        why = str(error) or type(error).__name__
        how_far = f"after {len(self.sent):,} of {self.file.segments:,} chunks"
        if self.pages:
            how_far = f"after X had all of {self.file.path.name}"
        return Interrupted(
            f"write.upload_media stopped {how_far}: {why}. "
            f'`.resume()`, or media_id="{self.media_id}", goes on from there and sends nothing twice',
            rows=len(self.sent), media_id=self.media_id, resume=self._resume,
            action="write.upload_media",
        )

    def _resume(self, *, client: Client | None = None, progress: bool | None = None) -> Frames:
        self.client = opened(client or self.client, "write.upload_media")
        return self.run(progress)


def _beginning(file: MediaFile, owners: str | None) -> dict[str, Any]:
    return {"media_type": file.media_type, "total_bytes": file.size, "media_category": file.category,
            "additional_owners": owners}


def _as_command(made: Request) -> Request:
    """The same step as X's older documents and the listing have it: a form with `command`, in the query as well."""
    body = {k: ",".join(v) if isinstance(v, list) else v for k, v in (made.body or {}).items()}
    words = {"command": _COMMANDS[made.action or ""]}
    words |= {name: made.args[name] for name in ("media_id", "media_type") if name in made.args}
    return replace(made, path="/2/media/upload", params=words, body={**words, **body}, files=made.files or {})


def _unknown_path(error: ApiError) -> bool:
    return error.status in {404, 405}


def _is_final(error: XframesError) -> bool:
    """Whether going on is of no use: the file has changed, or X cannot process it."""
    return isinstance(error, ArgumentError) or (isinstance(error, InvalidRequest) and error.kind == _FAILED)


def _told(page: Page) -> dict[str, Any]:
    data, _ = rejected(page)
    return data if isinstance(data, dict) else {}


def _processing(page: Page) -> dict[str, Any]:
    info = _told(page).get("processing_info")
    return info if isinstance(info, dict) else {}


def _media_id(page: Page) -> str:
    told = _told(page)
    found = told.get("id") or told.get("media_id")
    if not found:
        raise Unavailable("write.upload_media: X's answer names no media id", action="write.upload_media")
    return str(found)


def _kept(into: Archive, media_id: str, file: MediaFile) -> set[int]:
    """The chunks of a file, by its name, that an archive knows X has."""
    query = "SELECT arguments FROM writes WHERE action = 'write.append_upload'"
    rows = [json.loads(text) for (text,) in into.sql(query).fetchall()]
    return {int(row["segment_index"]) for row in rows if row["media_id"] == media_id and row["media"] == file.path.name}
