"""Requests transcriptions of whole files, waits for them, and reads and deletes them."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Final

import msgspec
import trio

from voicekit.errors import ProtocolError, ServiceError
from voicekit.soniox.api import errors as table
from voicekit.soniox.api.errors import cleaned
from voicekit.soniox.rest.files import Files
from voicekit.soniox.rest.http.driver import Http, RestQuery
from voicekit.soniox.rest.http.rest_errors import SERVICE
from voicekit.soniox.rest.http.retry import Repeat
from voicekit.soniox.rest.http.upload import Content, UploadProgress
from voicekit.soniox.rest.resource import Resource, at
from voicekit.soniox.rest.schema.answers import Transcription, TranscriptText
from voicekit.soniox.rest.schema.requests import NO_FILE, TranscriptionRequest, check

FIRST_POLL_S: Final = 1.0
LONGEST_POLL_S: Final = 10.0
SLOWER: Final = 1.5
"""The factor by which each wait between polls is longer than the previous one: the first polls are quick, for short
files, but an hour of audio takes about a minute.
"""

FORGET_S: Final = 0.5
"""Seconds for deleting files and transcriptions after a cancellation: enough for one last attempt."""


class Transcriptions(Resource[Transcription]):
    """`soniox.transcriptions`. An attempt to delete a transcription that is being processed raises ServiceError with
    code 409.

    The vendor's reference and the vendor's own client disagree on whether a transcription's file is deleted with it. So
    delete the file too, and be prepared for a 404.
    """

    def __init__(self, http: Http, url: str, files: Files) -> None:
        super().__init__(http, url, Transcription)
        self._files = files

    async def create(self, request: TranscriptionRequest) -> Transcription:
        """Request a transcription of `request.file_id` or `request.audio_url`. At first, the transcription is only
        queued."""
        check(request)
        ask = RestQuery("POST", self._url, json=request, status=201, repeat=Repeat.UNSTARTED)
        return await self._http.answer(ask, Transcription)

    async def transcript(self, transcription_id: str) -> TranscriptText:
        """The words of a completed transcription. If it is not completed, this raises ServiceError with code 409."""
        return await self._http.answer(RestQuery("GET", at(self._url, transcription_id, "transcript")), TranscriptText)

    async def wait(
        self, transcription_id: str, *, progress: Callable[[Transcription], None] | None = None
    ) -> Transcription:
        """Wait until a transcription is completed, however long this takes; to limit the time, cancel the wait.

        `progress` is called whenever the status has changed. Raises ServiceError if the transcription ends in an error.
        """
        pause, status = FIRST_POLL_S, ""
        while True:
            now = await self.get(transcription_id)
            if progress is not None and now.status != status:
                progress(now)
            status = now.status
            if now.status == "error":
                raise _failed(cleaned(now, self._http.redact))
            if now.done:
                return now
            await trio.sleep(pause)
            pause = min(pause * SLOWER, LONGEST_POLL_S)

    async def of(
        self,
        content: Content,
        request: TranscriptionRequest | None = None,
        *,
        filename: str | None = None,
        uploaded: UploadProgress | None = None,
        progress: Callable[[Transcription], None] | None = None,
        keep: bool = False,
    ) -> TranscriptText:
        """Upload and transcribe `content`, and return the words. The file and the transcription are then deleted from
        the service, unless `keep` is set.

        If `content` is a URL (http://, https://), the service fetches it, and nothing is uploaded. `request` says how
        to transcribe; its file or URL is filled in.

        A transcription that has been billed is not lost: if it is completed, or its status is unknown, it stays at the
        service until it has been read. A note added to the error gives the id of the transcription, for `wait` and
        `transcript`. Otherwise, after an error or a cancellation, everything is deleted as far as this is possible
        within half a second; the service deletes the rest after 30 days.
        """
        request = request or TranscriptionRequest()
        if isinstance(content, str) and content.startswith(("http://", "https://")):
            request = msgspec.structs.replace(request, audio_url=content, file_id=None)
        else:
            check(msgspec.structs.replace(request, audio_url=None, file_id=NO_FILE))
            file = await self._files.upload(
                Path(content) if isinstance(content, str) else content,
                filename=filename,
                client_reference_id=request.client_reference_id,
                progress=uploaded,
            )
            request = msgspec.structs.replace(request, file_id=file.id, audio_url=None)
        made: Transcription | None = None
        read = lost = False

        def moved(now: Transcription) -> None:
            nonlocal made
            made = now
            if progress is not None:
                progress(now)

        try:
            made = await self.create(request)
            await self.wait(made.id, progress=moved)
            transcript = await self.transcript(made.id)
            read = True
            return transcript
        except (ServiceError, ProtocolError) as error:
            if made is not None and made.status != "error":
                lost = True  # our connection has failed, not the transcription
                error.add_note(f"the transcription {self._http.redact(made.id)} is still at the service")
            raise
        finally:
            if not keep:
                done = made is not None and made.status == "completed"
                wanted = not read and (done or lost)
                await self._forget(None if wanted else made, None if wanted and not done else request.file_id, read)

    async def _forget(self, made: Transcription | None, file_id: str | None, read: bool) -> None:
        """Delete a transcription and its file; if that fails, the service deletes them after 30 days."""
        with trio.CancelScope(shield=not read) as scope:
            scope.deadline = trio.current_time() + (self._http.patience.answer if read else FORGET_S)
            if made is not None:
                with suppress(ServiceError, ProtocolError):
                    await self.delete(made.id)  # the service refuses to delete a transcription that is being processed
            if file_id is not None:
                with suppress(ServiceError, ProtocolError):
                    await self._files.delete(file_id)


def _failed(transcription: Transcription) -> ServiceError:
    """The error of a failed transcription."""
    said = transcription.error_message or "no reason was given"
    row = table.rule(transcription.error_type, None)
    return row.error(
        f"{SERVICE} could not transcribe {transcription.filename or transcription.audio_url}: {said.rstrip('.')} "
        f"({transcription.error_type or 'without a type'}).",
        service=SERVICE,
        error_type=transcription.error_type,
        request_id=transcription.id,
    )
