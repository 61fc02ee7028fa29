"""What the command line says when something is missing, is asked wrongly, or is only to be looked at."""

from __future__ import annotations

import json
from contextlib import asynccontextmanager
from importlib.metadata import EntryPoint
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import trio

from voicekit.cli import doctor, main
from voicekit.cli.network import reach
from voicekit.cli.templates import plugin_files
from voicekit.errors import Unavailable
from voicekit.events import Interim
from voicekit.extend import hookimpl, load_plugins
from voicekit.extend.install import install_command
from voicekit.session.eventlog import describe
from voicekit.soniox.api.region import Endpoints
from voicekit.soniox.local import SpeechService

ECHO = Path(__file__).parents[2] / "plugins" / "voicekit-echo"


@pytest.fixture(autouse=True)
def _plain_environment(monkeypatch, tmp_path):
    for name in ("SONIOX_API_KEY", "VOICEKIT_BLOCK", "VOICEKIT_TRACE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)


def plugin(name: str, **hooks: Any) -> ModuleType:
    made = ModuleType(name)
    for hook, function in hooks.items():
        setattr(made, hook, hookimpl(function))
    return made


def with_plugins(
    monkeypatch: pytest.MonkeyPatch, where: str, *plugins: ModuleType, block: tuple[str, ...] = ()
) -> None:
    """Let the module `where` load these plugins and our own, and not what is installed."""
    monkeypatch.setattr("voicekit.extend.loader._installed", lambda: iter(()))
    monkeypatch.setattr(where, lambda **given: load_plugins(block, plugins, **given))


# --- verbs ---


@pytest.mark.parametrize(
    ("verb", "distribution"),
    [
        ("demo", "voicekit-local"),
        ("local-server", "voicekit-local"),
        ("talk", "voicekit-device"),
        ("devices", "voicekit-device"),
    ],
)
def test_a_verb_of_a_plugin_that_is_missing_names_the_command(monkeypatch, capsys, verb, distribution):
    """One sentence with the one command that installs it, and status 2."""
    with_plugins(monkeypatch, "voicekit.cli.load_plugins")
    assert main([verb]) == 2
    said = capsys.readouterr().err
    assert said.startswith(f"voicekit: '{verb}' comes with {distribution}, which is not installed: ")
    assert said.endswith(f"{install_command(distribution)}\n")
    assert said.count("\n") == 1


def test_a_verb_that_nobody_knows_is_guessed(monkeypatch, capsys):
    """A slip of the pen is answered with what there is."""
    with_plugins(monkeypatch, "voicekit.cli.load_plugins")
    assert main(["dmeo"]) == 2
    assert (
        "there is no command 'dmeo' (did you mean 'demo'?); the commands are: call, chat, demo"
        in capsys.readouterr().err
    )


def test_a_blocked_plugin_is_told_from_a_missing_one(monkeypatch, capsys):
    """Who has blocked the plugin of a verb is reminded of it."""
    with_plugins(
        monkeypatch,
        "voicekit.cli.load_plugins",
        plugin("voicekit_device", voicekit_commands=lambda commands: None),
        block=("device",),
    )
    assert main(["talk"]) == 2
    assert "'talk' comes with the plugin 'device', which is blocked: see VOICEKIT_BLOCK" in capsys.readouterr().err


def test_a_broken_plugin_is_told_from_a_missing_one(monkeypatch, capsys):
    """The verb of a plugin that failed to load tells why."""

    def fail(registry: Any) -> None:
        raise LookupError("no such card")

    with_plugins(monkeypatch, "voicekit.cli.load_plugins", plugin("voicekit_device", voicekit_register=fail))
    assert main(["talk"]) == 2
    assert "'device', which is broken" in (said := capsys.readouterr().err)
    assert "no such card" in said


def test_a_plugin_without_its_packages_names_the_command(monkeypatch, capsys):
    """A verb that can't import what it stands on is one sentence, without a traceback."""

    def run(arguments: list[str]) -> int:
        import voicekit_engine_of_tomorrow  # noqa: F401  # there is none

        return 0

    with_plugins(
        monkeypatch,
        "voicekit.cli.load_plugins",
        plugin("voicekit_local", voicekit_commands=lambda commands: commands.add("demo", run, "a call")),
    )
    assert main(["demo"]) == 2
    said = capsys.readouterr().err
    assert "'demo' needs the package 'voicekit_engine_of_tomorrow', which is not installed: " in said
    assert said.endswith(f"{install_command('voicekit-local')}\n")


def test_help_lists_every_verb(monkeypatch, capsys):
    """Our own verbs and those of the plugins, each with a line."""
    with_plugins(
        monkeypatch,
        "voicekit.cli.load_plugins",
        plugin("greeter", voicekit_commands=lambda commands: commands.add("greet", lambda arguments: 0, "say hello")),
    )
    with pytest.raises(SystemExit) as ended:
        main(["--help"])
    assert ended.value.code == 0
    shown = capsys.readouterr().out
    assert "greet" in shown
    assert "say hello" in shown
    assert "run one spoken call with a bot" in shown


def test_the_command_is_for_this_checkout():
    """From the checkout that voicekit runs in, a plugin is installed by its folder; what is not there, by its name."""
    assert install_command("voicekit-echo").endswith(f"-m pip install {ECHO}")
    assert install_command("voicekit-of-tomorrow").endswith("-m pip install voicekit-of-tomorrow")


# --- plugins ---


def test_plugins_tells_what_each_brings(monkeypatch, capsys):
    """Hooks, parts, verbs and settings, as text and as JSON."""

    def register(registry: Any) -> None:
        registry.handler("butler", lambda: "Very good.")

    house = plugin(
        "house",
        voicekit_register=register,
        voicekit_commands=lambda commands: commands.add("ring", lambda arguments: 0, "ring the bell"),
    )
    with_plugins(monkeypatch, "voicekit.cli.bot.load_plugins", house, plugin("cellar"), block=("voicekit-listen",))
    assert main(["plugins"]) == 1
    shown = capsys.readouterr().out
    assert (
        "house  (given: module house)  voicekit_register, voicekit_commands\n    handler butler\n    verb ring\n"
    ) in shown
    assert "cellar  (given: module cellar)  BROKEN: " in shown
    assert "voicekit-listen  (built in)  blocked\n" in shown
    main(["plugins", "--json"])
    listed = {each["name"]: each for each in json.loads(capsys.readouterr().out)}
    assert listed["house"]["parts"] == {"handler": ["butler"]}
    assert [listed[name]["state"] for name in ("house", "cellar", "voicekit-listen")] == ["loaded", "broken", "blocked"]


def test_plugins_are_listed_beside_one_that_fails_when_asked_for_verbs(monkeypatch, capsys):
    """The list is whole, the failure is a sentence with the plugin's name, and the status is 1."""

    def fail(commands: Any) -> None:
        raise LookupError("no bell")

    with_plugins(monkeypatch, "voicekit.cli.bot.load_plugins", plugin("house", voicekit_commands=fail))
    assert main(["plugins"]) == 1
    shown = capsys.readouterr()
    assert "house  (given: module house)  voicekit_commands\n" in shown.out
    assert "voicekit-listen  (built in)" in shown.out
    assert shown.err == "voicekit: plugin 'house': voicekit_commands raised LookupError: no bell\n"


VERBS = [["voices"], ["speak", "hello", "-o", "x.wav"], ["transcribe", "x.wav"], ["models"]]


@pytest.mark.parametrize("arguments", VERBS)
def test_a_verb_of_the_service_needs_a_key_or_the_local_server(monkeypatch, capsys, tmp_path, arguments):
    """Without both, it says what to install, as `voicekit run` does; there is no argument to give a key with."""
    (tmp_path / "x.wav").write_bytes(b"RIFF")
    with_plugins(monkeypatch, "voicekit.soniox.local.load_plugins")
    assert main(arguments) == 2
    said = capsys.readouterr().err
    assert said.startswith("voicekit: SONIOX_API_KEY is not set, and the local server that would replace the service ")
    assert said.endswith(f"{install_command('voicekit-local')}\n")


@pytest.mark.parametrize("local", [True, False])
def test_a_verb_of_the_service_asks_whichever_is_there(monkeypatch, capsys, local):
    """Soniox with a key, else the local server, with the key that it has told; a region is Soniox's."""
    asked = []

    @asynccontextmanager
    async def stand_in(tell):
        yield SpeechService(Endpoints.find(rest="http://127.0.0.1:9"), "sesame", local=local)

    class Client:
        def __init__(self, **where):
            asked.append(where)

        async def __aenter__(self):
            raise Unavailable("nobody there", service="x", retryable=False)

        async def __aexit__(self, *error): ...

    monkeypatch.setattr("voicekit.soniox.local.soniox_or_local", stand_in)
    monkeypatch.setattr("voicekit.soniox.rest.SonioxClient", Client)
    assert main(["voices"]) == 1
    assert main(["voices", "--region", "eu"]) == 1
    assert capsys.readouterr().err.count("\n") == 2
    assert asked[0]["region"] is None
    assert (asked[0]["key"], asked[0]["endpoints"].rest) == ("sesame", "http://127.0.0.1:9")
    assert asked[1] == {"region": "eu"}


def test_an_interim_without_words_is_no_line_of_the_log():
    """Recognisers send many of them between the words."""
    assert describe(Interim(())) is None


# --- init ---


def test_a_new_plugin_is_the_echo_under_another_name():
    """Called "echo" it is voicekit-echo to the byte; called otherwise, nothing of the old name is left."""
    template = {
        path.relative_to(ECHO).as_posix(): path.read_text(encoding="utf-8")
        for path in ECHO.rglob("*")
        if path.is_file() and not {"__pycache__", ".pytest_cache"} & set(path.parts)
    }
    assert plugin_files("echo") == template
    files = plugin_files("night-watch")
    assert len(files) == len(template)
    assert "voicekit_night_watch/handler.py" in files
    assert "class NightWatch:" in files["voicekit_night_watch/handler.py"]
    assert not [path for path, text in files.items() if "echo" in f"{path} {text}".lower()]


@pytest.mark.parametrize(
    ("name", "module", "titled"), [("my-echo", "my_echo", "MyEcho"), ("echo-bot", "echo_bot", "EchoBot")]
)
def test_a_new_plugin_may_have_echo_in_its_name(name, module, titled):
    """It is named throughout as any other is."""

    def named(text):
        return text.replace("night_watch", module).replace("NightWatch", titled).replace("night-watch", name)

    assert plugin_files(name) == {named(path): named(text) for path, text in plugin_files("night-watch").items()}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["Bot"], "expected a lower-case letter, then"),
        (["../bot"], "expected a lower-case letter, then"),
        (["bot-"], "expected a name that ends in a letter or digit"),
        (["there"], "there already exists and would be overwritten"),
        (["watch", "--plugin"], "a plugin called 'watch' is already installed"),
        (["taken", "--plugin"], "voicekit-taken already exists"),
    ],
)
def test_init_refuses(arguments, message, capsys, monkeypatch, tmp_path):
    """A name that can't be one, that is taken, or whose folder is there, is refused, and nothing is written."""
    watch = plugin("voicekit_watch", voicekit_session=lambda session: None)
    with_plugins(monkeypatch, "voicekit.cli.init.load_plugins", watch)
    (tmp_path / "there").mkdir()
    (tmp_path / "voicekit-taken").mkdir()
    before = sorted(tmp_path.iterdir())
    assert main(["init", *arguments]) == 2
    assert message in capsys.readouterr().err
    assert sorted(tmp_path.iterdir()) == before


# --- doctor ---


def findings(capsys: pytest.CaptureFixture[str]) -> tuple[int, list[dict[str, str]]]:
    status = main(["doctor", "--json"])
    return status, json.loads(capsys.readouterr().out)


@pytest.fixture
def quiet(monkeypatch: pytest.MonkeyPatch) -> None:
    """No plugins, and hosts that refuse at once."""
    with_plugins(monkeypatch, "voicekit.cli.doctor.load_plugins")
    monkeypatch.setattr(doctor, "entry_points", lambda group: ())
    for name in ("SONIOX_API_BASE_URL", "SONIOX_TTS_API_URL"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    for name in ("SONIOX_WS_URL", "SONIOX_TTS_WS_URL"):
        monkeypatch.setenv(name, "ws://127.0.0.1:9/talk")


def test_the_doctor_never_shows_the_key(quiet, capsys, monkeypatch):
    """It tells whether there is one, whole or mangled, and nothing of it."""
    monkeypatch.setenv("SONIOX_API_KEY", "sesame-open")
    status, found = findings(capsys)
    assert {"about": "key", "state": "ok", "found": "SONIOX_API_KEY is set", "remedy": ""} in found
    assert status == 1, "the hosts can't be reached, and with a key they are needed"
    monkeypatch.setenv("SONIOX_API_KEY", "sesame open")
    _, mangled = findings(capsys)
    assert next(each for each in mangled if each["about"] == "key")["state"] == "wrong"
    assert "sesame" not in json.dumps([*found, *mangled])


def test_the_doctor_says_what_to_do(quiet, capsys):
    """Without key and server the way out is told; the network is only a note then, and is told once for each host."""
    status, found = findings(capsys)
    key = next(each for each in found if each["about"] == "key")
    assert (status, key["state"]) == (1, "wrong")
    assert key["remedy"] == f"set SONIOX_API_KEY, or install the local server: {install_command('voicekit-local')}"
    network = [each for each in found if each["about"] == "network"]
    assert [each["state"] for each in network] == ["note"]
    assert "127.0.0.1:9: " in network[0]["found"]


def test_the_doctor_prints_a_line_for_each(quiet, capsys):
    """State, subject, what was found, and on a line of its own what to do."""
    main(["doctor"])
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("ok     versions voicekit ")
    assert lines[1:3] == [
        "wrong  key      no SONIOX_API_KEY, and no local server",
        f"                -> set SONIOX_API_KEY, or install the local server: {install_command('voicekit-local')}",
    ]


def test_a_plugin_has_checks_of_its_own(quiet, capsys, monkeypatch):
    """What it says is told under its name, and a check that fails is told too."""
    monkeypatch.setattr(
        doctor,
        "entry_points",
        lambda group: (
            EntryPoint("models", "tests.unit.test_cli_words:sound_models", group),
            EntryPoint("cards", "tests.unit.test_cli_words:no_cards", group),
        ),
    )
    _, found = findings(capsys)
    assert [list(each.values()) for each in found if each["about"] in ("models", "cards")] == [
        ["models", "ok", "prepared", ""],
        ["models", "wrong", "one is missing", "fetch it"],
        ["cards", "wrong", "its check raised LookupError: no card", "reinstall it"],
    ]


def sound_models() -> list[tuple[bool, str, str]]:
    return [(True, "prepared", ""), (False, "one is missing", "fetch it")]


def no_cards() -> list[tuple[bool, str, str]]:
    raise LookupError("no card")


# --- network ---


async def test_hosts_are_reached_each_once_and_all_at_once(machine):
    """A host that answers, one that refuses and one that keeps silent, in the order asked and in bounded time."""
    async with trio.open_nursery() as nursery:
        listeners = await trio.open_tcp_listeners(0, host="127.0.0.1")
        silent = await trio.open_tcp_listeners(0, host="127.0.0.1")
        open_port, silent_port = (one[0].socket.getsockname()[1] for one in (listeners, silent))
        for serve in (listeners, silent):
            nursery.start_soon(trio.serve_listeners, _say_nothing, serve)
        with trio.fail_after(60):
            reached = await reach(
                [
                    f"ws://127.0.0.1:{open_port}/a",
                    f"http://127.0.0.1:{open_port}",
                    "http://127.0.0.1:9",
                    f"wss://127.0.0.1:{silent_port}/b",
                ],
                patience=0.3,
            )
        nursery.cancel_scope.cancel()
    assert [each.host for each in reached] == [f"127.0.0.1:{port}" for port in (open_port, 9, silent_port)]
    if machine.keeps_time(within=0.05):
        assert reached[0].error is None
    assert reached[1].error
    assert reached[2].error == "no answer within 0.3 s"


async def _say_nothing(stream: trio.abc.Stream) -> None:
    await trio.sleep_forever()
