"""Words that no file of the project has: addresses of package registries, and paths of somebody's machine."""

from __future__ import annotations

import re

from tests.house.source import ROOT, files

# Put together here, so that this file does not contain them either.
REGISTRIES = tuple(
    ".".join(parts)
    for parts in (
        ("pypi", "org"),
        ("pythonhosted", "org"),
        ("anaconda", "org"),
        ("npmjs", "org"),
        ("npmjs", "com"),
        ("crates", "io"),
        ("rubygems", "org"),
        ("proxy", "golang", "org"),
        ("deb", "debian", "org"),
    )
)
MACHINE_PATH = re.compile(rb"(?<![\w.~$}*-])/(?:root|home|work|Users)/[\w.]")


def test_no_file_names_a_package_registry() -> None:
    """Where packages come from is the user's affair: no file has a registry's host name."""
    assert [
        f"{path.relative_to(ROOT)}: {host}"
        for path in files()
        for host in REGISTRIES
        if host.encode() in path.read_bytes().lower()
    ] == []


def test_no_file_shows_a_path_of_somebodys_machine() -> None:
    """No file has a path that exists only where it was written."""
    assert [
        f"{path.relative_to(ROOT)}: {found.group().decode()}"
        for path in files()
        if path.suffix not in {".flac", ".wav", ".ogg", ".raw"}
        for found in MACHINE_PATH.finditer(path.read_bytes())
    ] == []
