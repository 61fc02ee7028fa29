"""`voicekit plugins`: lists the plugins, with the origin of each, the hooks it implements, and what it registers."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field

from voicekit.cli.bot import plugins_beside
from voicekit.cli.terminal import Parser, complain
from voicekit.errors import PluginError
from voicekit.extend import ROLES, Commands, Plugins

HELP = "list the plugins, where they come from and what they add"


@dataclass
class Listed:
    """One plugin; `origin` is its distribution with its version, its file, or "built in"."""

    name: str
    origin: str
    state: str  # "loaded", "blocked" or "broken"
    hooks: list[str] = field(default_factory=list)
    parts: dict[str, list[str]] = field(default_factory=dict)  # names by role
    commands: list[str] = field(default_factory=list)
    error: str | None = None


def main(arguments: Sequence[str]) -> int:
    """Print the plugins. Returns 1 if one is broken."""
    parser = Parser(prog="voicekit plugins", description=HELP)
    parser.add_argument("bot", metavar="BOT.py", nargs="?", help="also load the voicefile.py beside this bot")
    parser.add_argument("--json", action="store_true", help="print JSON")
    options = parser.parse_args(arguments)
    plugins = plugins_beside(options.bot, strict=False)
    commands, failure = Commands(), None
    try:
        plugins.commands(commands)
    except PluginError as error:  # the list is useful even if a plugin's commands are broken
        failure = error
    listed = [_list(info.name, plugins, commands) for info in plugins.listing()]
    print(json.dumps([asdict(each) for each in listed], indent=2) if options.json else "\n".join(map(_lines, listed)))
    if failure is not None:
        complain(str(failure))
    return 1 if plugins.failures or failure is not None else 0


def _list(name: str, plugins: Plugins, commands: Commands) -> Listed:
    info = next(each for each in plugins.listing() if each.name == name)
    if info.blocked:
        return Listed(name, info.origin, "blocked")
    if name in plugins.failures:
        return Listed(name, info.origin, "broken", list(info.hooks), error=str(plugins.failures[name]))
    registry = plugins.registry
    brought = {
        role: [part for part in registry.names(role) if registry.find(role, part).plugin == name] for role in ROLES
    }
    return Listed(
        name,
        info.origin,
        "loaded",
        list(info.hooks),
        {role: names for role, names in brought.items() if names},
        [command.name for command in commands if command.plugin == name],
    )


def _lines(plugin: Listed) -> str:
    if plugin.state == "broken":
        return f"{plugin.name}  ({plugin.origin})  BROKEN: {plugin.error}"
    what = "blocked" if plugin.state == "blocked" else ", ".join(plugin.hooks)
    brings = [f"{role} {', '.join(names)}" for role, names in plugin.parts.items()]
    if plugin.commands:
        brings.append(f"verb {', '.join(plugin.commands)}")
    return "\n".join([f"{plugin.name}  ({plugin.origin})  {what}", *(f"    {line}" for line in brings)])
