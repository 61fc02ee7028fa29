"""Files that are there whole or not at all: written beside their place, and moved there at the end."""

from __future__ import annotations

import os
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import IO

from voicekit.errors import ConfigError, DeviceError
from voicekit.flow.threads import in_thread


@asynccontextmanager
async def written(path: Path) -> AsyncIterator[IO[bytes]]:
    """A file that takes the place of `path` when the block ends well; otherwise nothing has happened.

    ConfigError where there can be no file, DeviceError where the disk fails.
    """
    try:
        file = await in_thread(_beside, path)
    except OSError as error:
        raise ConfigError(f"{path}: a file cannot be written there: {error.strerror}") from error
    try:
        yield file
        await in_thread(_settle, file, path)
    except OSError as error:
        raise DeviceError(f"{path}: could not be written: {error.strerror}") from error
    finally:
        file.close()
        with suppress(FileNotFoundError):
            os.unlink(file.name)


def _beside(path: Path) -> IO[bytes]:
    return tempfile.NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}.", suffix=".part", delete=False)


def _settle(file: IO[bytes], path: Path) -> None:
    """Complete the file and move it to its place, with the permissions that a new file has."""
    file.flush()
    mask = os.umask(0)
    os.umask(mask)
    os.chmod(file.name, 0o666 & ~mask)
    os.replace(file.name, path)
