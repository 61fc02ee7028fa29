"""Where models are: in installed packages, with files checked against hashes, and in a folder for prepared models."""

from __future__ import annotations

import hashlib
import os
import sys
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path

from voicekit.errors import ConfigError
from voicekit.extend.install import install_command

CACHE_VARIABLE = "VOICEKIT_CACHE"
PLUGIN = "voicekit-local"


def package_folder(package: str, distribution: str) -> Path:
    """The folder of `package`, found without importing it. If the package is missing, raises a ConfigError that names
    the distribution."""
    found = find_spec(package)
    if found is None or not found.submodule_search_locations:
        raise missing(f"voicekit-local needs the package {distribution}, which is not installed")
    return Path(next(iter(found.submodule_search_locations)))


def missing(what: str) -> ConfigError:
    """The error that says that `what` is missing, and which command installs all parts."""
    return ConfigError(f"{what}: {install_command(PLUGIN)}")


def check_files(folder: Path, hashes: Mapping[str, str], distribution: str) -> None:
    """Raise ConfigError unless each file exists and has the SHA-256 hash that the engine expects."""
    for name, expected in hashes.items():
        path = folder / name
        if not path.is_file():
            raise ConfigError(f"expected {distribution} to contain {name}, but there is no such file in {folder}")
        got = sha256(path)
        if got != expected:
            raise ConfigError(f"expected {path} of {distribution} to have SHA-256 {expected}, got {got}")


def sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def cache_folder() -> Path:
    """Where prepared models are kept: $VOICEKIT_CACHE, else "voicekit" in the user's own cache folder."""
    chosen = os.environ.get(CACHE_VARIABLE)
    if chosen:
        return Path(chosen)
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / "voicekit"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "voicekit"
