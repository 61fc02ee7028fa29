"""Prepares Moonshine once: from weights that are unpacked again for every token to ones that are used as they are.

The package has its two networks with 8-bit weights and a step beside each that makes them 32-bit floats, which costs
65 ms at every token. Here they are loaded and saved with those steps done (14 ms), and the multiplications are then
made to take 8-bit weights themselves (8 ms). This takes some 15 s of one core and 1.4 GB of memory at its peak, so it
runs in a process of its own and is done once; what comes out (142 MB) stays in the user's cache folder.

Safe at any moment: files are written into a folder of their own, which gets its name when it is whole. Two processes
at once both work, and the second throws its own away.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

from voicekit.errors import ConfigError
from voicekit_local.engines.files import CACHE_VARIABLE, cache_folder, check_files
from voicekit_local.engines.interface import Progress

RECIPE = 1
"""To be raised with every change to what is made here, so that older results are not used any more."""

NETWORKS = ("encoder_model", "decoder_model_merged")
SHARES = {"encoder_model": 0.15, "decoder_model_merged": 0.85}  # of the time
SIZES = "sizes.json"


def prepared(source: Path, hashes: Mapping[str, str], distribution: str, progress: Progress) -> Path:
    """The folder with NETWORKS as ONNX files, made from the `.ort` files in `source` unless it is there already.

    ConfigError where the source is not what `hashes` say, or the cache folder can't be written.
    """
    key = "-".join((distribution.replace("==", "-"), *(value[:8] for value in hashes.values()), str(RECIPE)))
    folder = cache_folder() / key
    if _is_whole(folder):
        return folder
    check_files(source, hashes, distribution)
    progress("preparing the recogniser, this once", 0.0)
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".preparing-") as working:
            made = Path(working, folder.name)
            made.mkdir()
            _make_elsewhere(source, made, progress)
            _settle(made, folder)
    except OSError as error:
        needs = "1.5 GB of memory and 600 MB of disk for a while (142 MB stay)"
        message = f"preparing the recogniser below {folder.parent}: expected {needs}, got: {error}"
        raise ConfigError(f"{message}. {CACHE_VARIABLE} names another folder") from error
    return folder


def _make_elsewhere(source: Path, folder: Path, progress: Progress) -> None:
    """`make` in a process of its own, so that its memory is given back; its lines say how much is done."""
    command = [sys.executable, "-m", __spec__.name, str(source), str(folder)]
    paths = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}  # whatever found this module here finds it there
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=paths) as child:
        try:
            assert child.stdout is not None
            assert child.stderr is not None
            for line in child.stdout:
                progress("preparing the recogniser, this once", float(line))
            trouble = child.stderr.read()
        except BaseException:
            child.kill()
            raise
    if child.returncode:
        last = trouble.strip().rpartition("\n")[2]
        raise OSError(f"the preparing process ended with {child.returncode}: {last}")


def _settle(made: Path, folder: Path) -> None:
    """Give the finished work its place, unless somebody else was faster; half a work in that place gives way."""
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
