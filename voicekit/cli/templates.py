"""The files that `voicekit init` writes: those of a new bot, and those of the plugin voicekit-echo, renamed.

The plugin's files come from plugins/voicekit-echo: from the checkout, or from the copy in an installed voicekit.
"""

from __future__ import annotations

import re
from pathlib import Path

from voicekit.errors import VoicekitError

PACKAGED = Path(__file__).parent / "template" / "plugin"
IN_CHECKOUT = Path(__file__).parents[2] / "plugins" / "voicekit-echo"

TEMPLATE_NAME = "echo"

BOT = {
    "bot.py": '''\
"""A voice bot: it repeats what it hears, and ends the call when the caller says goodbye."""

import trio

import voicekit


async def handler(turn: voicekit.Turn, say: voicekit.Say) -> None:
    if "bye" in turn.text.lower():
        turn.end("Goodbye!")
    elif turn.text:
        await say(f"You said: {turn.text}")


if __name__ == "__main__":
    trio.run(voicekit.run, handler)
''',
    "test_bot.py": '''\
"""Whole calls with the bot, in virtual time: a minute of conversation takes a fraction of a second."""

import pytest
from bot import handler

from voicekit.testing import Script, check_handler, hold_call


def test_callers_hear_their_own_words():
    """The bot repeats the caller's words."""
    user = Script()
    user.says("good morning", at=1.0, for_=1.0)
    call = hold_call(handler, user)
    assert [exchange.heard for exchange in call.history] == ["You said: good morning"]


def test_an_interruption_is_heard():
    """The bot stops speaking when the caller says so, and the history has the words heard until then."""
    user = Script()
    user.says("tell me about the weather of the whole week", at=1.0, for_=2.5)
    user.says("stop please", at=5.0, for_=0.8)
    first, second = hold_call(handler, user).history
    assert first.cut
    assert len(first.heard) < len(first.said)
    assert second.user == "stop please"


def test_goodbye_ends_the_call():
    """The bot hangs up when the caller says goodbye."""
    user = Script()
    user.says("bye", at=1.0, for_=0.4)
    user.stays(until=60.0)
    call = hold_call(handler, user)
    assert call.history[-1].heard == "Goodbye!"
    assert call.seconds < 10


@pytest.mark.trio
async def test_the_bot_keeps_the_contract_of_a_handler(autojump_clock):
    """It can be cancelled anywhere, answers again after that, and ends when nobody listens."""
    await check_handler(lambda: handler)
''',
    "README.md": """\
# {name}

This voice bot uses voicekit. You can type to it, or play it the recording of a caller (`voicekit run --help` shows more
ways):

```sh
voicekit chat bot.py
voicekit run bot.py --source file:caller.wav --record call
```

Its tests hold whole calls in virtual time:

```sh
pip install pytest pytest-trio
pytest
```
""",
}
"""The text of each file by its name; `{name}` is replaced by the bot's name."""


def bot_files(name: str) -> dict[str, str]:
    """The text of each file of a bot called `name`, by path."""
    return {path: text.replace("{name}", name) for path, text in BOT.items()}


def plugin_files(name: str) -> dict[str, str]:
    """The text of each file of a plugin called `name`, by path: the files of voicekit-echo, renamed throughout."""
    source = PACKAGED if PACKAGED.is_dir() else IN_CHECKOUT
    if not source.is_dir():
        raise VoicekitError(f"this installation lacks the plugin template: expected it in {PACKAGED}")
    files = (path for path in sorted(source.rglob("*")) if path.is_file() and _belongs(path.relative_to(source)))
    return {
        _renamed(path.relative_to(source).as_posix(), name): _renamed(path.read_text(encoding="utf-8"), name)
        for path in files
    }


def _belongs(path: Path) -> bool:
    """Whether `path` is part of the plugin, and not left over from running or building it."""
    return not any(part.startswith(".") or part in ("__pycache__", "build", "dist") for part in path.parts)


def _renamed(text: str, name: str) -> str:
    """`text` with the new name instead of the template's: replaced in one pass, since the new name may contain the
    template's.
    """
    module = name.replace("-", "_")
    titled = "".join(part.capitalize() for part in module.split("_"))
    new = {f"voicekit_{TEMPLATE_NAME}": f"voicekit_{module}", TEMPLATE_NAME.capitalize(): titled, TEMPLATE_NAME: name}
    return re.sub("|".join(new), lambda found: new[found[0]], text)
