"""Writes files completely or not at all: they are written under another name, and renamed at the end."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import IO

from voicekit.errors import ConfigError, DeviceError
from voicekit.flow.scribe import private
from voicekit.flow.threads import in_thread


@asynccontextmanager
async def written(path: Path) -> AsyncIterator[IO[bytes]]:
    """Open a new file, which replaces any file at `path` if the block ends without an error; otherwise nothing changes.

    Raises ConfigError if no file can be created at `path`, and DeviceError if the disk fails.
    """
    file, beside = _opened(path)  # not in a thread, because an abandoned thread would leave the file behind
    try:
        yield file
        await in_thread(_settle, file, beside, path)
    except BrokenPipeError:
        raise  # the file is not to blame: the body of the `with` wrote to a closed pipe
    except OSError as error:
        raise DeviceError(f"{path}: could not be written: {error.strerror}") from error
    finally:
        file.close()
        with suppress(FileNotFoundError):
            beside.unlink()


def check_writable(path: Path) -> None:
    """Raise ConfigError if no file can be written to `path`. Call this early, before there is anything to lose."""
    file, beside = _opened(path)
    file.close()
    beside.unlink()


def _opened(path: Path) -> tuple[IO[bytes], Path]:
    """Open a new file that only its owner may read. This fails for devices and folders, because the file would replace
    them.
    """
    beside = path.with_name(f".{os.urandom(8).hex()}.part")
    try:
        if path.exists() and not path.is_file():
            raise ConfigError(f"{path}: expected a file, or a path where one can be created")
        return open(beside, "xb", opener=private), beside
    except OSError as error:
        raise ConfigError(f"{path}: no file can be created there: {error.strerror}") from error


def _settle(file: IO[bytes], beside: Path, path: Path) -> None:
    file.flush()
    os.replace(beside, path)
