"""Prepares the recogniser once: the files that `networks` makes from a package are kept in the user's cache folder.

This takes about 15 s on one core. It runs in a separate process, so that its memory is freed afterwards.

The preparation can be interrupted at any moment, because the files are written into a temporary folder, which is
renamed when it is complete. If two processes prepare at the same time, the second one to finish discards its result.
Files left by a killed process are removed by the next process.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from voicekit.errors import ConfigError
from voicekit_local.engines import networks
from voicekit_local.engines.files import CACHE_VARIABLE, cache_folder, check_files
from voicekit_local.engines.interface import Progress
from voicekit_local.engines.networks import DOING, SIZES

RECIPE: Final = 2
"""A number that is increased with every change to the files made here, so that older results are no longer used."""

UNFINISHED: Final = ".preparing-"

KEPT_MB: Final = 101
"""The size of the prepared files on the disk, in millions of bytes."""


def prepared(source: Path, hashes: Mapping[str, str], distribution: str, progress: Progress) -> Path:
    """The folder with the networks, made from the files in `source` unless it already exists.

    Raises ConfigError if the files do not match `hashes`, or the cache folder can't be written to.
    """
    folder = _folder(hashes, distribution)
    if _is_whole(folder):
        return folder
    check_files(source, hashes, distribution)
    progress(DOING, 0.0)
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with _workplace(folder.parent) as working:
            made = working / folder.name
            made.mkdir()
            _make_elsewhere(source, made, progress)
            _settle(made, folder)
    except OSError as error:
        needs = f"1.5 GB of memory and 450 MB of disk for a while ({KEPT_MB} MB stay)"
        message = f"preparing the recogniser below {folder.parent} needs {needs}, but failed: {error}"
        raise ConfigError(f"{message}. Set {CACHE_VARIABLE} to use another folder") from error
    return folder


def is_prepared(hashes: Mapping[str, str], distribution: str) -> bool:
    """Whether the prepared files already exist."""
    return _is_whole(_folder(hashes, distribution))


def _folder(hashes: Mapping[str, str], distribution: str) -> Path:
    key = "-".join((distribution.replace("==", "-"), *(value[:8] for value in hashes.values()), str(RECIPE)))
    return cache_folder() / key


@contextmanager
def _workplace(cache: Path) -> Iterator[Path]:
    """A temporary folder in `cache`, until the block ends; first removes those left by killed processes."""
    for left in cache.glob(f"{UNFINISHED}*"):
        with _locked(left) as free:
            if free:
                shutil.rmtree(left, ignore_errors=True)
    with tempfile.TemporaryDirectory(dir=cache, prefix=UNFINISHED) as working, _locked(Path(working)):
        yield Path(working)


@contextmanager
def _locked(folder: Path) -> Iterator[bool]:
    """Whether `folder` is free; if so, this process holds it until the block or the process ends."""
    held = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        yield False
    else:
        yield True
    finally:
        os.close(held)


def _make_elsewhere(source: Path, folder: Path, progress: Progress) -> None:
    """Run `networks.make` in a separate process, so that its memory is freed; each line that it prints reports the
    progress."""
    command = [sys.executable, "-m", networks.__name__, str(source), str(folder)]
    paths = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}  # lets the child process find this module
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=paths) as child:
        try:
            assert child.stdout is not None
            assert child.stderr is not None
            for line in child.stdout:
                progress(DOING, float(line))
            trouble = child.stderr.read()
        except BaseException:
            child.kill()
            raise
    if child.returncode:
        last = trouble.strip().rpartition("\n")[2]
        raise OSError(f"the process that prepares the models failed with exit status {child.returncode}: {last}")


def _settle(made: Path, folder: Path) -> None:
    """Move the finished files to `folder`, unless another process was faster; an incomplete `folder` is replaced."""
    try:
        made.rename(folder)
    except OSError:
        if not _is_whole(folder):
            shutil.rmtree(folder)
            made.rename(folder)


def _is_whole(folder: Path) -> bool:
    try:
        sizes = json.loads((folder / SIZES).read_text(encoding="utf-8"))
        return bool(sizes) and all((folder / name).stat().st_size == size for name, size in sizes.items())
    except (OSError, ValueError):
        return False
