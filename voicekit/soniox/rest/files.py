"""Files stored by the service, which deletes them after 30 days."""

from __future__ import annotations

from voicekit.soniox.rest.http import rest_limits as limits
from voicekit.soniox.rest.http.upload import Content, UploadProgress
from voicekit.soniox.rest.resource import Resource
from voicekit.soniox.rest.schema.answers import File
from voicekit.soniox.rest.schema.requests import FileFields


class Files(Resource[File]):
    """`soniox.files`: uploads files, lists and deletes them, and looks up their details."""

    async def upload(
        self,
        content: Content,
        *,
        filename: str | None = None,
        client_reference_id: str | None = None,
        progress: UploadProgress | None = None,
    ) -> File:
        """Upload `content`: a path, bytes, an open file or an iterable of bytes. It is sent in pieces, and never held
        in memory as a whole.

        A file may be at most 1 GiB in size. If the connection is lost, the message of Unavailable says how much was
        sent; as far as we know, the service then keeps nothing. After a cancellation, it keeps nothing either.
        """
        fields = FileFields(client_reference_id=client_reference_id)
        return await self._upload(content, fields, limits.FILE_BYTES, filename, progress)
