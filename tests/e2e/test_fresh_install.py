"""voicekit as its users get it: what works without any plugin, and what is said where one is missing."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

pytestmark = pytest.mark.real

ROOT = Path(__file__).parents[2]
SPEECH = ROOT / "tests" / "data" / "speech" / "goforward.flac"


def project() -> str:
    version: str = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    return version


def test_it_knows_its_version(fresh):
    """The version is that of the project."""
    assert fresh.run("voicekit", "--version").stdout == f"voicekit {project()}\n"


@pytest.mark.parametrize(
    ("verb", "distribution"),
    [
        ("demo", "voicekit-local"),
        ("local-server", "voicekit-local"),
        ("talk", "voicekit-device"),
        ("devices", "voicekit-device"),
    ],
)
@pytest.mark.parametrize("where", ["in the checkout", "elsewhere"])
def test_a_missing_plugin_is_one_command_away(fresh, verb, distribution, where):
    """The sentence ends with the command that installs the plugin from the checkout that voicekit came from."""
    folder = ROOT if where == "in the checkout" else fresh.folder
    done = fresh.run_in(folder, "voicekit", verb)
    assert (done.returncode, done.stdout) == (2, "")
    said, _, command = done.stderr.rpartition(": ")
    assert said == f"voicekit: '{verb}' comes with {distribution}, which is not installed"
    python, *pip, plugin = command.split()
    assert (folder / python).samefile(fresh.bin / "python")
    assert pip == ["-m", "pip", "install"]
    named = tomllib.loads((folder / plugin / "pyproject.toml").read_text(encoding="utf-8"))["project"]["name"]
    assert named == distribution


def test_a_call_without_key_and_server_says_what_to_do(fresh):
    """One sentence with the command that installs the local server, and status 2."""
    done = fresh.run("voicekit", "run", "--source", f"file:{SPEECH}")
    assert (done.returncode, done.stdout) == (2, "")
    assert "SONIOX_API_KEY is not set" in done.stderr
    assert done.stderr.rstrip().endswith("plugins/voicekit-local")
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize("arguments", [["demo"], ["local-server"], ["run", "--source", f"file:{SPEECH}"]])
def test_a_plugin_without_its_packages_says_how_to_install_them(fresh, bare_local_server, tmp_path, arguments):
    """One sentence and status 2, and no recording of a call that did not come about."""
    done = fresh.run_in(tmp_path, "voicekit", *arguments, PYTHONPATH=str(bare_local_server))
    assert (done.returncode, done.stdout) == (2, "")
    assert "pip install" in done.stderr
    assert done.stderr.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_the_doctor_finds_what_is_missing(fresh):
    """Status 1, and what to do about the missing key, without a traceback."""
    done = fresh.run("voicekit", "doctor")
    assert (done.returncode, done.stderr) == (1, "")
    assert done.stdout.startswith(f"ok     versions voicekit {project()}, trio ")
    assert "wrong  key      no SONIOX_API_KEY, and no local server\n" in done.stdout
    assert "-> set SONIOX_API_KEY, or install the local server: " in done.stdout
