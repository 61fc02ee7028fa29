"""Uploads a form with one file. The file is read in pieces and never held in memory as a whole."""

from __future__ import annotations

import os
from collections.abc import AsyncGenerator, AsyncIterable, Callable, Mapping
from contextlib import aclosing
from io import BytesIO
from pathlib import Path
from typing import IO, Final, TypeAlias

from voicekit.errors import ConfigError
from voicekit.flow.threads import in_thread

PIECE_BYTES: Final = 256 * 1024
"""Bytes per piece: large enough that the reading thread costs little, small enough for smooth progress."""

Content: TypeAlias = str | os.PathLike[str] | bytes | IO[bytes] | AsyncIterable[bytes]
"""What may be uploaded: a path, bytes, a file open for reading, or anything that yields bytes."""

UploadProgress: TypeAlias = Callable[[int, int | None], None]
"""A function that is called with the number of bytes sent and the total, if this is known."""


class Upload:
    """The body of one upload. `sent` is how many of the file's bytes have been passed to the connection.

    `again` is True if the body can be sent a second time. Raises ConfigError for a file that can't be read, is too
    large, or changes while it is being read.
    """

    def __init__(
        self,
        content: Content,
        *,
        filename: str | None,
        fields: Mapping[str, str],
        most: int,
        progress: UploadProgress | None = None,
    ) -> None:
        self._content = Path(content) if isinstance(content, str | os.PathLike) else content
        self._most = most
        self._progress = progress
        self.filename = filename or _name(self._content)
        self.size = _size(self._content)
        self.sent = 0
        self._begun = False
        if self.size is not None:
            self._check(self.size)
        # The boundary must not occur in the body; 32 random digits practically guarantee that it doesn't.
        self._boundary = f"voicekit-{os.urandom(16).hex()}"
        self._head = _head(self._boundary, fields, self.filename)
        self._tail = f"\r\n--{self._boundary}--\r\n".encode()

    @property
    def again(self) -> bool:
        return not self._begun or isinstance(self._content, Path | bytes)

    @property
    def headers(self) -> dict[str, str]:
        """The headers that describe the body."""
        kind = {"content-type": f"multipart/form-data; boundary={self._boundary}"}
        if self.size is None:
            return {**kind, "transfer-encoding": "chunked"}
        return {**kind, "content-length": str(len(self._head) + self.size + len(self._tail))}

    @property
    def so_far(self) -> str:
        """A description of how much was sent."""
        return f"{self.sent} bytes" if self.size is None else f"{self.sent} of {self.size} bytes"

    async def body(self) -> AsyncGenerator[bytes, None]:
        """Yields the form piece by piece; each call starts from the beginning."""
        self.sent = 0
        self._begun = True
        yield self._head
        async with aclosing(self._pieces()) as pieces:
            async for piece in pieces:
                self._check(self.sent + len(piece))
                yield piece
                self.sent += len(piece)  # counted after the yield, because only then has the piece been sent
                if self._progress is not None:
                    self._progress(self.sent, self.size)
        if self.size is not None and self.sent != self.size:
            raise ConfigError(f"upload of {self.filename}: expected {self.size} bytes, but it ended after {self.sent}")
        yield self._tail

    async def _pieces(self) -> AsyncGenerator[bytes, None]:
        content = self._content
        if isinstance(content, AsyncIterable):
            async for piece in content:
                yield bytes(piece)
            return
        file = await in_thread(_opened, content)
        try:
            while read := await in_thread(file.read, PIECE_BYTES):
                yield read
        finally:
            if file is not content:
                file.close()

    def _check(self, size: int) -> None:
        if size > self._most:
            raise ConfigError(f"upload of {self.filename}: expected at most {self._most} bytes, got {size}")
        if self.size is not None and size > self.size:
            raise ConfigError(f"upload of {self.filename}: expected {self.size} bytes, but it grew while it was read")


def _opened(content: Path | bytes | IO[bytes]) -> IO[bytes]:
    if isinstance(content, Path):
        try:
            return content.open("rb")
        except OSError as error:
            raise ConfigError(f"upload of {content}: {error.strerror}") from error
    return BytesIO(content) if isinstance(content, bytes) else content


def _size(content: Path | bytes | IO[bytes] | AsyncIterable[bytes]) -> int | None:
    """The number of bytes; None if it is not known in advance."""
    if isinstance(content, bytes):
        return len(content)
    if isinstance(content, Path):
        try:
            status = content.stat()
        except OSError as error:
            raise ConfigError(f"upload of {content}: {error.strerror}") from error
        if content.is_dir():
            raise ConfigError(f"upload of {content}: expected a file, got a folder")
        return status.st_size if content.is_file() else None
    if isinstance(content, AsyncIterable) or not content.seekable():
        return None
    here = content.tell()
    end = content.seek(0, os.SEEK_END)
    content.seek(here)
    return end - here


def _name(content: Path | bytes | IO[bytes] | AsyncIterable[bytes]) -> str:
    if isinstance(content, Path):
        return content.name
    name = getattr(content, "name", None)
    return Path(name).name if isinstance(name, str) else "audio"


def _head(boundary: str, fields: Mapping[str, str], filename: str) -> bytes:
    parts = [
        f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
        for name, value in fields.items()
    ]
    quoted = filename.replace("\\", "\\\\").replace('"', "%22").replace("\r", "%0D").replace("\n", "%0A")
    parts.append(f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="{quoted}"\r\n')
    parts.append("Content-Type: application/octet-stream\r\n\r\n")
    try:
        return "".join(parts).encode("utf-8", "surrogateescape")
    except UnicodeEncodeError as error:
        raise ConfigError(f"upload: expected text as the file name, got {filename!r}") from error
