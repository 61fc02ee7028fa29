"""A local server that speaks the Soniox protocol, with a real recogniser and a real voice."""

from __future__ import annotations

from voicekit.extend import Commands, hookimpl


def _local_server(arguments: list[str]) -> int:
    from voicekit_local.command import main

    return main(arguments)


def _demo(arguments: list[str]) -> int:
    from voicekit_local.demo.command import main

    return main(arguments)


@hookimpl
def voicekit_commands(commands: Commands) -> None:
    commands.add("local-server", _local_server, "serve the Soniox protocol on this machine, without a key")
    commands.add("demo", _demo, "hear a whole spoken call, without a key: a recorded caller talks to a bot")
