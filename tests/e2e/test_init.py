"""What `voicekit init` writes works unedited, in an environment that has nothing but voicekit."""

from __future__ import annotations

import json

import pytest

pytestmark = pytest.mark.real


def test_a_new_plugin_is_found_where_it_is_installed(fresh):
    """Installed from its own folder it is listed with its origin, its hook and the handler that it brings."""
    done = fresh.run("voicekit", "plugins", "--json")
    assert (done.returncode, done.stderr) == (0, "")
    listed = {each["name"]: each for each in json.loads(done.stdout)}
    assert listed["night-watch"] == {
        "name": "night-watch",
        "origin": "voicekit-night-watch 0.2.0",
        "state": "loaded",
        "hooks": ["voicekit_register"],
        "parts": {"handler": ["night-watch"]},
        "commands": [],
        "error": None,
    }


def test_a_new_plugin_can_be_blocked(fresh):
    """With its name in VOICEKIT_BLOCK it is listed as blocked, and its handler is not there."""
    done = fresh.run("voicekit", "plugins", VOICEKIT_BLOCK="night-watch")
    assert "night-watch  (voicekit-night-watch 0.2.0)  blocked\n" in done.stdout
    chat = fresh.run("voicekit", "chat", "night-watch", VOICEKIT_BLOCK="night-watch")
    assert (chat.returncode, chat.stdout) == (2, "")
    assert "a handler's name (none), got 'night-watch'" in chat.stderr


def test_a_new_plugin_passes_its_own_tests(fresh):
    """The public contract checks among them, unedited."""
    done = fresh.run("python", "-m", "pytest", "-q", fresh.plugin)
    assert done.returncode == 0, done.stdout
    assert "4 passed" in done.stdout


def test_a_new_bot_passes_its_own_tests(fresh):
    """Whole calls in virtual time and the contract of a handler, unedited."""
    done = fresh.run("python", "-m", "pytest", "-q", fresh.bot)
    assert done.returncode == 0, done.stdout
    assert "4 passed" in done.stdout


def test_what_is_there_is_not_overwritten(fresh):
    """A second plugin of that name is refused, and the first stays as it was."""
    before = {path: path.read_bytes() for path in fresh.bot.rglob("*") if path.is_file()}
    done = fresh.run("voicekit", "init", "front-desk")
    assert done.returncode == 2
    assert done.stderr == "voicekit: front-desk already exists and would be overwritten: choose another name\n"
    assert {path: path.read_bytes() for path in fresh.bot.rglob("*") if path.is_file()} == before
