"""Settings and commands that plugins add, and the stash in which they keep what belongs to a session."""

from __future__ import annotations

import pytest

from voicekit.contracts import Stash
from voicekit.errors import ConfigError, PluginError
from voicekit.extend import Commands, Options


@pytest.fixture
def options() -> Options:
    options = Options()
    silero = options.signed("silero")
    silero.add("threshold", default=0.5, type=float, help="how sure it must be")
    silero.add("log_file", default=None, help="where it writes")
    silero.add("api_key", default="", env="SILERO_KEY", help="who pays")
    options.signed("call-notes").add("on", default=False, type=bool, help="whether to take notes")
    return options


def test_an_option_has_a_flag_and_a_variable_with_the_plugins_name(options: Options) -> None:
    """Flags have dashes and variables underscores, whatever the names have."""
    assert [(option.key, option.env) for option in options] == [
        ("call-notes-on", "VOICEKIT_CALL_NOTES_ON"),
        ("silero-api-key", "SILERO_KEY"),
        ("silero-log-file", "VOICEKIT_SILERO_LOG_FILE"),
        ("silero-threshold", "VOICEKIT_SILERO_THRESHOLD"),
    ]


def test_the_command_line_wins_over_the_environment_and_that_over_the_default(options: Options) -> None:
    """Each option takes the nearest value there is."""
    around = {"VOICEKIT_SILERO_THRESHOLD": "0.7"}
    assert options.resolve({}, {})["silero-threshold"] == 0.5
    assert options.resolve({"silero-threshold": None}, around)["silero-threshold"] == 0.7
    assert options.resolve({"silero-threshold": "0.9"}, around)["silero-threshold"] == 0.9
    assert options.resolve({"silero-log-file": ""}, {"VOICEKIT_SILERO_LOG_FILE": "x"})["silero-log-file"] == ""


def test_every_option_has_a_value_after_resolving(options: Options) -> None:
    """Nothing declared is missing from the settings."""
    assert dict(options.resolve({}, {})) == {
        "call-notes-on": False,
        "silero-api-key": "",
        "silero-log-file": None,
        "silero-threshold": 0.5,
    }


@pytest.mark.parametrize(("word", "value"), [("1", True), (" Yes", True), ("on", True), ("0", False), ("FALSE", False)])
def test_a_switch_reads_yes_and_no(options: Options, word: str, value: bool) -> None:
    """A bool is read by its words, so that "false" is not true for being text."""
    assert options.resolve({"call-notes-on": word}, {})["call-notes-on"] is value


@pytest.mark.parametrize(
    ("argv", "environ", "told"),
    [
        ({"silero-threshold": "much"}, {}, "--silero-threshold: expected a float, got 'much'"),
        ({}, {"VOICEKIT_CALL_NOTES_ON": "perhaps"}, "VOICEKIT_CALL_NOTES_ON: expected a bool, got 'perhaps'"),
        ({"silero-treshold": "1"}, {}, r"unknown option --silero-treshold \(did you mean 'silero-threshold'\?\)"),
    ],
)
def test_a_value_that_cannot_be_read_is_a_config_error(
    options: Options, argv: dict[str, str | None], environ: dict[str, str], told: str
) -> None:
    """The error says where the value came from, what was expected and what came."""
    with pytest.raises(ConfigError, match=told):
        options.resolve(argv, environ)


def test_settings_never_show_a_secret(options: Options) -> None:
    """Neither the repr nor an error prints what is set for a key."""
    settings = options.resolve({"silero-api-key": "sesame"}, {})
    assert settings["silero-api-key"] == "sesame"
    assert "sesame" not in repr(settings)
    assert "'silero-threshold': 0.5" in repr(settings)
    options.signed("bank").add("password", default=0, type=int, help="a number")
    with pytest.raises(ConfigError) as told:
        options.resolve({"bank-password": "sesame"}, {})
    assert "sesame" not in str(told.value)


def test_two_options_with_one_flag_are_an_error_with_both_names() -> None:
    """Names that differ but make the same flag are seen too."""
    options = Options()
    options.signed("silero").add("log-file", default="", help="h")
    with pytest.raises(PluginError, match="--silero-log-file is already declared by plugin 'silero'"):
        options.signed("silero-log").add("file", default="", help="h")


def test_an_option_with_a_malformed_name_is_an_error() -> None:
    """A name must be good for a flag."""
    with pytest.raises(PluginError, match=r"option name: expected a lower-case letter.* got 'Log File'"):
        Options().add("Log File", default="", help="h")


def test_commands_are_sorted_and_found_by_their_word() -> None:
    """Help shows them in order; a slip gets a guess and the list."""
    commands = Commands()
    for name in ("talk", "greet"):
        commands.signed("rules").add(name, lambda arguments: 0, help="h")
    assert [(command.name, command.plugin) for command in commands] == [("greet", "rules"), ("talk", "rules")]
    with pytest.raises(
        ConfigError, match=r"no command is called 'gret' \(did you mean 'greet'\?\); there are: greet, talk"
    ):
        commands.find("gret")


def test_a_command_with_a_malformed_name_is_an_error() -> None:
    """A word of the command line is one word."""
    with pytest.raises(PluginError, match=r"command name: expected a lower-case letter.* got 'two words'"):
        Commands().add("two words", lambda arguments: 0, help="h")


class Notes(list[str]):
    """A plugin's own type."""


def test_the_stash_keeps_one_value_for_each_type() -> None:
    """What is kept under a type comes back under it, until it is replaced."""
    stash = Stash()
    assert stash.get(Notes) is None
    assert Notes not in stash
    stash[Notes] = Notes(["old"])
    stash[Notes] = Notes(["new"])
    assert stash[Notes] == stash.get(Notes) == ["new"]
    assert Notes in stash


def test_what_was_never_kept_is_a_key_error() -> None:
    """As with a dictionary."""
    with pytest.raises(KeyError):
        Stash()[Notes]


def test_the_stash_refuses_a_value_of_another_type() -> None:
    """A slip is found where it is made, not where it is read."""
    with pytest.raises(TypeError, match=r"stash\[Notes\]: expected a Notes, got list"):
        Stash()[Notes] = ["a plain list"]
