"""Makes a folder that contains a Debian system with Asterisk, from the mirror that apt uses.

This needs root, apt and debootstrap, a minute or two, and half a gigabyte of disk. Only Debian's `sid` has a current
Asterisk, so the folder gets a whole `sid` system and is used as a chroot. It is kept for later tests in
VOICEKIT_ASTERISK_ROOT or, by default, in the folder for temporary files.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = "VOICEKIT_ASTERISK_ROOT"
NEEDED = {"apt-get": "apt", "debootstrap": "debootstrap", "chroot": "coreutils"}
SUITE = "sid"

MADE = "made-by-voicekit"
"""A file that marks a finished folder: a folder without it is made again."""


def folder() -> Path:
    """The path of the folder for Asterisk, which may not exist yet."""
    return Path(os.environ.get(ROOT) or Path(tempfile.gettempdir(), "voicekit-asterisk"), SUITE)


def what_is_missing() -> str | None:
    """What this machine lacks to install and run Asterisk, phrased to follow "needs"; None if nothing is missing."""
    if shutil.which("apt-get") is None:
        return "Debian: an Asterisk of one's own is made with apt"
    if os.geteuid() != 0:
        return "root: an Asterisk of one's own runs in a chroot"
    lacking = [package for command, package in NEEDED.items() if shutil.which(command) is None]
    return f"the Debian package {', '.join(lacking)}" if lacking else None


def make_asterisk(log: Path) -> tuple[Path, bool]:
    """Return the folder with Asterisk, and whether it had to be made; the commands' output goes to `log`.

    If another process is making the folder, waits for it. Raises CalledProcessError if a step fails.
    """
    root = folder()
    root.parent.mkdir(parents=True, exist_ok=True, mode=0o755)
    with _alone(root.parent / "lock"):
        if (root / MADE).exists():
            return root, False
        shutil.rmtree(root, ignore_errors=True)
        with log.open("wb") as out:
            _make(root, out)
        (root / MADE).touch()
    return root, True


def _make(root: Path, out: object) -> None:
    def run(*command: str) -> None:
        environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C"}
        subprocess.run(command, check=True, stdin=subprocess.DEVNULL, stdout=out, stderr=out, env=environment)  # type: ignore[call-overload]

    run("debootstrap", "--variant=minbase", "--include=ca-certificates", SUITE, str(root), mirror())
    policy = root / "usr/sbin/policy-rc.d"
    policy.write_text("#!/bin/sh\nexit 101\n", encoding="ascii")  # no service may start during the installation
    policy.chmod(0o755)
    for name in ("resolv.conf", "hosts"):
        shutil.copy(f"/etc/{name}", root / "etc" / name)
    # A mirror may be out of date, so expired indexes are accepted; signatures are still checked.
    run("chroot", str(root), "apt-get", "-o", "Acquire::Check-Valid-Until=false", "update")
    run("chroot", str(root), "apt-get", "install", "-y", "--no-install-recommends", "asterisk")
    run("chroot", str(root), "apt-get", "clean")


def mirror() -> str:
    """The address of the Debian mirror in apt's own settings."""
    asked = ["apt-get", "indextargets", "--format", "$(REPO_URI) $(LABEL)"]
    lines = subprocess.run(asked, check=True, capture_output=True, text=True).stdout.splitlines()
    found = [line.removesuffix(" Debian") for line in lines if line.endswith(" Debian")]
    if not found:
        raise RuntimeError("expected a Debian mirror in apt's settings, got none: run apt-get update")
    return found[0]


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
