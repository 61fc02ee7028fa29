"""Files on the service's side. The names and sizes are kept here; the driver stores the bytes."""

from __future__ import annotations

from dataclasses import dataclass

from voicekit.soniox.rest.http import rest_limits as limits
from voicekit.soniox.rest.schema.answers import Count, File
from voicekit.soniox.rest.schema.requests import FileFields
from voicekit.soniox.server.rest.reading import Shelf, answer, checked, violation
from voicekit.soniox.server.rest.refusal import invalid
from voicekit.soniox.server.rest.shared import (
    Dropped,
    FileKept,
    ReceivedUpload,
    RestAnswer,
    RestCall,
    RestDesk,
    RestRoute,
)


@dataclass(frozen=True, slots=True)
class Quotas:
    """The maximum numbers of files, transcriptions and voices that an account may keep."""

    files: int = limits.FILES
    transcriptions: int = limits.TRANSCRIPTIONS
    pending: int = limits.PENDING
    voices: int = limits.VOICES


class ServedFiles:
    """Uploads, lists and deletes files."""

    def __init__(self, desk: RestDesk, quotas: Quotas) -> None:
        self._desk = desk
        self.shelf: Shelf[File] = Shelf("file", quotas.files)

    def routes(self) -> list[RestRoute]:
        keep = RestRoute("POST", "/v1/files", self._keep, uploads=limits.FILE_BYTES, admit=self.shelf.admit)
        return [keep, *self.shelf.routes(self._delete, counted)]

    def _keep(self, call: RestCall) -> RestAnswer:
        upload = arrived(call)
        fields = checked(upload.fields, FileFields, where="body")
        file = File(
            id=upload.id,
            filename=upload.filename,
            size=upload.size,
            created_at=self._desk.date(call.now),
            client_reference_id=fields.client_reference_id,
        )
        self.shelf.put(file.id, file)
        call.effects.append(FileKept(file.id, file.size))
        return answer(201, file)

    def _delete(self, call: RestCall) -> RestAnswer:
        done = self.shelf.drop(call)
        call.effects.append(Dropped(call.ids[0]))
        return done


def counted(number: int) -> Count:
    """A Count of `number` objects, all of them created through the API."""
    return Count(total=number, public_api=number)


def arrived(call: RestCall) -> ReceivedUpload:
    """The file in the request's form. Raises Problem if there is no file."""
    upload = call.upload
    if upload is None or not upload.begun:
        raise invalid([violation("body.file", "a file")], "Missing required field: file")
    return upload
