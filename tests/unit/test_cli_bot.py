"""Which bot a user has named, and what belongs to it."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from voicekit.cli.bot import find_bot, load_bot, plugins_beside
from voicekit.cli.run import call_parser, read_call
from voicekit.errors import ConfigError
from voicekit.extend import Plugins, Use, hookimpl, load_plugins
from voicekit.extend.install import install_command
from voicekit.listen.vad import EnergyVad
from voicekit.reply.quiet import QuietTts
from voicekit.reply.spoken import spoken_forms
from voicekit.session.bot import Bot
from voicekit.testing import FakeTts, Script, hold_call
from voicekit.turn.policy import CallPolicy, Policy, TurnPolicy

Write = Callable[[str], Path]


@pytest.fixture(autouse=True)
def _modules(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """What a test imports as a bot or a voicefile is nobody else's."""
    monkeypatch.setattr(sys, "path", list(sys.path))
    yield
    for name in ("butler", "mate", "voicefile"):
        sys.modules.pop(name, None)


@pytest.fixture
def plugins(monkeypatch: pytest.MonkeyPatch) -> Plugins:
    """A plugin with a handler called "butler", and nothing that is installed."""
    house = ModuleType("house")

    def register(registry: Any) -> None:
        registry.handler("butler", lambda greeting="Very good.": lambda turn: greeting)

    vars(house).update(voicekit_register=hookimpl(register))
    monkeypatch.setattr("voicekit.extend.loader._installed", lambda: iter(()))
    return load_plugins(extra=[house])


@pytest.fixture
def butler(tmp_path: Path) -> Write:
    def written(source: str) -> Path:
        path = tmp_path / "butler.py"
        path.write_text(source, encoding="utf-8")
        return path

    return written


def loaded(path: Path) -> tuple[Bot, list[str]]:
    """The bot in the file, and what was said about it."""
    said: list[str] = []
    return load_bot(path, said.append), said


def called(*arguments: str, typed: bool = False) -> Any:
    """What a verb makes of its arguments."""
    return read_call(call_parser("run", "").parse_args(arguments), Bot("Hello."), typed=typed)


def test_a_bot_is_a_file_or_a_handler_by_its_name(plugins, tmp_path, monkeypatch, butler):
    """A file of that name comes first; without one, the plugin's handler is made."""
    monkeypatch.chdir(tmp_path)
    assert find_bot("butler", plugins).handler(None) == "Very good."
    butler("bot = 'Sir?'\n")
    assert find_bot("butler.py", plugins) == Bot("Sir?")
    with pytest.raises(ConfigError, match=r"a handler's name \(butler\), got 'cook'"):
        find_bot("cook", plugins)


def test_a_handler_of_a_plugin_that_is_not_installed_names_the_command(plugins):
    """One sentence, with what to type."""
    with pytest.raises(ConfigError) as told:
        find_bot("echo", plugins)
    command = install_command("voicekit-echo")
    assert str(told.value) == f"the handler 'echo' comes with voicekit-echo, which is not installed: {command}"


def test_the_voicefile_beside_a_bot_s_file_is_loaded_and_no_other(tmp_path, monkeypatch, butler):
    """A listing or a handler's name runs nothing of the folder that one stands in: the file is only named."""
    (tmp_path / "voicefile.py").write_text(
        "from voicekit import hookimpl\n\n@hookimpl\ndef voicekit_answer(turn):\n    return None\n", encoding="utf-8"
    )
    said: list[str] = []
    assert "voicefile" in [info.name for info in plugins_beside(str(butler("bot = 'x'")), said.append).listing()]
    assert said == []
    monkeypatch.chdir(tmp_path)
    for bot in (None, "butler", "elsewhere/bot.py"):
        assert "voicefile" not in [info.name for info in plugins_beside(bot, said.append).listing()]
    assert said == ["./voicefile.py is not loaded: it goes with a bot's file in this folder"] * 3


def test_what_stands_beside_the_handler_belongs_to_the_bot(butler):
    """Policy, greeting, parts and language by these names, and a line about what was taken."""
    bot, said = loaded(
        butler(
            "from voicekit import Policy, TurnPolicy\n"
            "policy = Policy(turn=TurnPolicy(settle=1.5))\ngreeting = 'Sir?'\nstt = None\ntts = 'quiet'\n"
            "vad = 'energy'\nlanguage = 'de'\nhandler = 'Very good.'\n"
        )
    )
    policy = Policy(turn=TurnPolicy(settle=1.5))
    assert bot == Bot("Very good.", policy, "Sir?", None, "quiet", "energy", "de")
    assert said == ["butler.py: policy, greeting, stt, tts, vad, language and handler"]


def test_one_bot_carries_it_all(butler):
    """A `voicekit.Bot` has its own say, and what it leaves open may stand beside it."""
    bot, said = loaded(
        butler("import voicekit\ngreeting = 'Yes?'\nlanguage = 'en'\nbot = voicekit.Bot('Good.', greeting='Sir?')\n")
    )
    assert bot == Bot("Good.", greeting="Sir?", language="en")
    assert said == ["butler.py: greeting, language and bot"]


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("polcy = voicekit.Policy()", "butler.py: 'polcy' is not used (did you mean 'policy'?)"),
        ("polciy = voicekit.Policy()", "butler.py: 'polciy' is not used (did you mean 'policy'?)"),
        ("greetng = 'Sir?'", "butler.py: 'greetng' is not used (did you mean 'greeting'?)"),
        ("langauge = 'de'", "butler.py: 'langauge' is not used (did you mean 'language'?)"),
        ("Language = 'de'", "butler.py: 'Language' is not used (did you mean 'language'?)"),
        ("def greeting(): ...", "butler.py: 'greeting' is not used: it is a function"),
        ("import json as policy", "butler.py: 'policy' is not used: it is a module"),
    ],
)
def test_a_slip_of_the_pen_is_said(butler, line, said):
    """What is nearly one of the names, and of the kind that it would be, is not passed over in silence."""
    assert loaded(butler(f"import voicekit\n{line}\nbot = 'Very good.'\n"))[1] == [said]


@pytest.mark.parametrize(
    "line",
    [
        "police = '112'", "from voicekit import Policy", "GREETING = 'Sir?'", "greetings = ['Sir?']", "languages = {}",
        "_polcy = voicekit.Policy()", "std = 1", "tt = 'x'", "answers = {}", "def handle(): ...", "meeting = 'at 9'",
    ],
)  # fmt: skip
def test_an_ordinary_name_is_no_slip(butler, line):
    """Names that only look alike, constants and imports are nobody's business."""
    assert loaded(butler(f"import voicekit\n{line}\nbot = 'Very good.'\n"))[1] == []


@pytest.mark.parametrize(
    ("source", "told"),
    [
        ("def bot(turn:\n", r"butler\.py:1: SyntaxError: "),
        ("bot = 'x'\n  y = 1\n", r"butler\.py:2: IndentationError: unexpected indent"),
        (
            "import no_such_thing\n",
            r"butler\.py: ModuleNotFoundError: No module named 'no_such_thing' \(butler\.py:1\)",
        ),
        ("def f():\n    1 / 0\nf()\n", r"ZeroDivisionError: division by zero \(butler\.py:2 < butler\.py:3\)"),
        ("hello = 1\n", r"expected a handler called handler, bot or answer, found none$"),
        ("def handlr(turn): ...\n", r"found none \(did you mean 'handler'\?\)"),
        ("policy = 'strict'\nbot = 'x'\n", r"butler\.py: policy: expected a Policy, got 'strict'"),
        ("greeting = 5\nbot = 'x'\n", r"butler\.py: greeting: expected a str, got 5"),
        ("import trio, voicekit\ntrio.run(voicekit.run, 'x')\n", r"butler\.py starts a call when it is imported"),
        ("from voicekit import Sesion\n", r"butler\.py: ImportError: .*Sesion.* \(butler\.py:1\)"),
    ],
)
def test_a_file_that_is_no_bot_is_told_with_its_author_s_own_lines(butler, source, told):
    """One sentence: the file, the line and what is wrong."""
    with pytest.raises(ConfigError, match=told) as error:
        load_bot(butler(source))
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    "source",
    [
        "def make_bot(): return 'Very good.'\n",
        "import voicekit\ndef make_bot(tone='Very'): return voicekit.Bot(f'{tone} good.')\n",
        "def make_bot(**options): return 'Very good.'\ndef bot(turn): return 'Mine.'\n",
    ],
)
def test_a_function_may_make_the_bot(butler, source):
    """It is called once the file is used; a handler beside it comes first."""
    bot, lines = loaded(butler(f"{source}greeting = 'Sir?'\n"))
    assert bot.greeting == "Sir?"
    assert lines == [f"butler.py: greeting and {'bot' if 'def bot' in source else 'make_bot'}"]
    assert callable(bot.handler) if "def bot" in source else bot.handler == "Very good."


@pytest.mark.parametrize("maker", ["def make_bot(key): ...", "async def make_bot(): ...", "make_bot = 'x'"])
def test_what_makes_no_bot_is_refused(butler, maker):
    """One sentence has the function, and what is wrong with it."""
    with pytest.raises(ConfigError, match=r"butler\.py: make_bot: expected a plain function that needs no argument"):
        load_bot(butler(f"{maker}\n"))


def test_an_error_in_a_neighbour_names_both_files(butler, tmp_path):
    """What a file imports is its author's too."""
    (tmp_path / "mate.py").write_text("def sail():\n    raise OSError('no wind')\n\n\nsail()\n", encoding="utf-8")
    with pytest.raises(ConfigError, match=r"OSError: no wind \(mate\.py:2 < mate\.py:5 < butler\.py:1\)"):
        load_bot(butler("import mate\nbot = 'x'\n"))


def test_the_command_line_wins_over_the_file(butler):
    """Each part, the policy field by field, and the greeting."""
    path = butler(
        "from voicekit import *\npolicy = Policy(turn=TurnPolicy(settle=1.5), call=CallPolicy(idle_after=9.0))\n"
        "greeting = 'Sir?'\nvad = 'webrtc'\ntts = [spoken_forms(), 'quiet']\nstt = None\nlanguage = 'de'\nbot = 'x'\n"
    )
    plan = called(str(path), "--source", "silence", "--sink", "null")
    assert plan.parts["policy"] == Policy(turn=TurnPolicy(settle=1.5), call=CallPolicy(idle_after=9.0, greeting="Sir?"))
    assert plan.parts["stt"] is None
    changed = called(
        str(path), "--source=silence", "--sink=null", "--vad=energy:threshold_dbfs=-20", "--greeting=Yes?",
        "--policy=turn.settle=1.2", "--policy=interrupt.min_words=3", "--tts=quiet:per_character=0.01", "--stt=soniox",
    ).parts  # fmt: skip
    assert isinstance(changed["vad"], EnergyVad)
    assert changed["policy"].turn == TurnPolicy(settle=1.2)
    assert changed["policy"].interrupt.min_words == 3
    assert changed["policy"].call == CallPolicy(idle_after=9.0, greeting="Yes?")
    assert changed["stt"] == Use("soniox", language="de")
    assert len(changed["tts"]) == 2, "the text transforms of the file stay in front of another voice"


def test_language_is_for_the_parts_that_take_it():
    """It goes to what is asked for by name and has no language of its own; Soniox's options are those of its API."""
    registry = load_plugins().registry
    parts = Bot("x", language="de").spoken(registry)
    assert (parts["stt"], parts["tts"]) == (Use("soniox", language="de"), Use("soniox", language="de"))
    own = Bot("x", language="de", stt=Use("soniox", language_hints=("en",)), tts=Use("quiet")).spoken(registry)
    assert (own["stt"], own["tts"]) == (Use("soniox", language_hints=("en",)), Use("quiet"))
    stt: Any = Use("soniox", language="de", key="k").build(registry, "stt")
    assert stt.config.language_hints == ("de",)
    assert stt.config.enable_endpoint_detection
    voice: Any = Use("soniox", language="de", voice="Maya", key="k").build(registry, "tts")
    assert (voice._config.language, voice._config.voice) == ("de", "Maya")


def test_a_scripted_call_takes_the_bot_s_policy_and_greeting():
    """`hold_call` takes a Bot as `run` does; its voice and its recogniser stay the script's."""
    bot = Bot("Good.", Policy(call=CallPolicy(greeting="No.")), greeting="Sir?", tts="nobody's", stt="nobody's")
    user = Script()
    user.types("tea", at=3.0)
    assert [each.heard for each in hold_call(bot, user).history] == ["Sir?", "Good."]
    voice = QuietTts()
    call = hold_call(Bot("It is 5 pm.", tts=[spoken_forms(), "nobody's"]), user)
    assert (len(call.session.parts.texts), type(call.session.parts.tts)) == (1, FakeTts)
    assert hold_call(bot, user, tts=voice, policy=Policy()).session.parts.tts is voice
