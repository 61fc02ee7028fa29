"""Files as the service keeps them: their names and sizes here, their bytes wherever the driver puts them."""

from __future__ import annotations

from dataclasses import dataclass

from voicekit.soniox.rest.http import rest_limits as limits
from voicekit.soniox.rest.schema.answers import Count, File
from voicekit.soniox.rest.schema.requests import FileFields
from voicekit.soniox.server.rest.reading import Shelf, answer, checked, not_found, violation
from voicekit.soniox.server.rest.refusal import Problem, invalid
from voicekit.soniox.server.rest.shared import Desk, Dropped, FileKept, ReceivedUpload, RestAnswer, RestCall, Route


@dataclass(frozen=True, slots=True)
class Quotas:
    """How much an account may keep."""

    files: int = limits.FILES
    transcriptions: int = limits.TRANSCRIPTIONS
    pending: int = limits.PENDING
    voices: int = limits.VOICES


class ServedFiles:
    """Uploading, listing, deleting."""

    def __init__(self, desk: Desk, quotas: Quotas) -> None:
        self._desk = desk
        self._quotas = quotas
        self._files: Shelf[File] = Shelf()

    def routes(self) -> list[Route]:
        return [
            Route("GET", "/v1/files", lambda call: self._files.page(call, "files")),
            Route("POST", "/v1/files", self._keep, uploads=limits.FILE_BYTES, admit=self._admit),
            Route("GET", "/v1/files/count", self._count),
            Route("GET", "/v1/files/{id}", lambda call: answer(200, self.find(call.ids[0]))),
            Route("DELETE", "/v1/files/{id}", self._delete),
        ]

    def find(self, name: str) -> File:
        """The file; Problem where there is none."""
        file = self._files.get(name)
        if file is None:
            raise not_found("file", name)
        return file

    def _admit(self) -> None:
        if len(self._files) >= self._quotas.files:
            raise Problem("limit_exceeded", f"At most {self._quotas.files} files can be kept.")

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
        self._files.put(file.id, file)
        call.effects.append(FileKept(file.id, file.size))
        return answer(201, file)

    def _count(self, call: RestCall) -> RestAnswer:
        return answer(200, Count(total=len(self._files), public_api=len(self._files)))

    def _delete(self, call: RestCall) -> RestAnswer:
        self._files.take(self.find(call.ids[0]).id)
        call.effects.append(Dropped(call.ids[0]))
        return answer(204)


def arrived(call: RestCall) -> ReceivedUpload:
    """The file of the request's form; Problem where it has none."""
    upload = call.upload
    if upload is None or not upload.begun:
        raise invalid([violation("body.file", "a file")], "Missing required field: file")
    return upload
