"""`voicekit doctor`: prints what works, what is missing, and what to do about it, one line each.

A plugin can add its own checks with an entry point in the group `voicekit.doctor` that names a function without
arguments. The function returns (fine, finding, remedy) for each thing it has checked: a bool and two sentences; the
remedy is empty if there is nothing to do.
"""

from __future__ import annotations

import json
import platform
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import EntryPoint, PackageNotFoundError, entry_points, version
from typing import Final

import trio

from voicekit.cli.network import Reached, reach
from voicekit.cli.terminal import Parser
from voicekit.errors import ConfigError
from voicekit.extend import Commands, Plugins, load_plugins
from voicekit.extend.install import OFFERS, brought_by, install_command
from voicekit.soniox.api.region import KEY_VARIABLE, ApiKey, Endpoints
from voicekit.soniox.local import COMMAND

HELP = "check keys, network, plugins, models and devices, and suggest fixes"

GROUP: Final = "voicekit.doctor"
FINE, NOTE, WRONG = "ok", "note", "wrong"


@dataclass(frozen=True, slots=True)
class Finding:
    """The result of one check; `remedy` is what to do, or empty if there is nothing to do."""

    about: str
    state: str  # FINE, WRONG or, for something optional, NOTE
    found: str
    remedy: str = ""


def main(arguments: Sequence[str]) -> int:
    """Print the findings. Returns 1 if something is wrong."""
    parser = Parser(prog="voicekit doctor", description=HELP)
    parser.add_argument("--json", action="store_true", help="print JSON")
    options = parser.parse_args(arguments)
    findings = trio.run(examine)
    print(json.dumps([asdict(each) for each in findings], indent=2) if options.json else _shown(findings))
    return 1 if any(each.state == WRONG for each in findings) else 0


async def examine() -> list[Finding]:
    """Check everything. Returns when the slowest host has answered, or after 5 s at the latest."""
    plugins = load_plugins(strict=False)
    has_key, key = _key(_has_server(plugins))
    return [
        _versions(),
        key,
        *await _hosts(has_key),
        *_plugins(plugins),
        _vad(plugins),
        *(finding for entry in entry_points(group=GROUP) for finding in _asked(entry)),
        *_not_installed(),
    ]


def _versions() -> Finding:
    found = f"voicekit {_version('voicekit')}, trio {_version('trio')}, Python {platform.python_version()}"
    return Finding("versions", FINE, f"{found}, {platform.system()} {platform.machine()}")


def _version(distribution: str) -> str:
    try:
        return version(distribution)
    except PackageNotFoundError:
        return "from its sources"


def _has_server(plugins: Plugins) -> bool:
    commands = Commands()
    plugins.commands(commands)
    return COMMAND in [command.name for command in commands]


def _key(has_server: bool) -> tuple[bool, Finding]:
    """Whether there is a key, and the finding about it; the key itself is not shown."""
    try:
        ApiKey.find()
    except ConfigError as error:
        if not str(error).startswith("no "):
            return True, Finding("key", WRONG, str(error), f"copy the key to {KEY_VARIABLE} again")
        if has_server:
            return False, Finding("key", NOTE, f"no {KEY_VARIABLE}: a local server hears and speaks")
        server = install_command(brought_by("verb", COMMAND) or COMMAND)
        remedy = f"set {KEY_VARIABLE}, or install the local server: {server}"
        return False, Finding("key", WRONG, f"no {KEY_VARIABLE}, and no local server", remedy)
    return True, Finding("key", FINE, f"{KEY_VARIABLE} is set")


async def _hosts(needed: bool) -> list[Finding]:
    try:
        endpoints = Endpoints.find()
    except ConfigError as error:
        return [Finding("network", WRONG, str(error), "correct the variable, or unset it")]
    reached = await reach(asdict(endpoints).values())
    return [_host(each, needed) for each in reached]


def _host(reached: Reached, needed: bool) -> Finding:
    if reached.error is None:
        return Finding("network", FINE, f"{reached.host} answers after {reached.seconds * 1000:.0f} ms")
    remedy = "check the connection, the name server and the firewall; calls with this service need the host"
    state = WRONG if needed else NOTE
    return Finding("network", state, f"{reached.host}: {reached.error}", remedy if needed else "only needed with a key")


def _vad(plugins: Plugins) -> Finding:
    """The detector that sessions use by default."""
    name = plugins.registry.default("vad").name
    better = brought_by("vad", "confirmed")
    if better is None or "confirmed" in plugins.registry.names("vad"):
        return Finding("vad", FINE, f"{name} detects speech")
    return Finding(
        "vad", NOTE, f"{name} detects speech, but mistakes music and noise for speech", install_command(better)
    )


def _plugins(plugins: Plugins) -> Iterator[Finding]:
    fit = [info.name for info in plugins.listing() if not info.blocked and info.name not in plugins.failures]
    yield Finding("plugins", FINE, ", ".join(fit))
    for info in plugins.listing():
        if info.blocked:
            yield Finding("plugins", NOTE, f"{info.name} is blocked", "remove it from VOICEKIT_BLOCK to use it")
    for name, error in plugins.failures.items():
        yield Finding("plugins", WRONG, str(error), f"reinstall it, or block it: VOICEKIT_BLOCK={name}")


def _asked(entry: EntryPoint) -> Iterator[Finding]:
    """The findings of a plugin's own check."""
    try:
        for fine, found, remedy in entry.load()():
            yield Finding(entry.name, FINE if fine else WRONG, str(found), str(remedy))
    except Exception as error:  # a check is third-party code: any error is reported with the check's name
        yield Finding(entry.name, WRONG, f"its check raised {type(error).__name__}: {error}", "reinstall it")


def _not_installed() -> Iterator[Finding]:
    for distribution, offer in OFFERS.items():
        try:
            version(distribution)
        except PackageNotFoundError:
            if "verb" in offer:
                what = f"{distribution} is not installed ({', '.join(offer['verb'])})"
                yield Finding("plugins", NOTE, what, install_command(distribution))


def _shown(findings: Sequence[Finding]) -> str:
    lines = []
    for each in findings:
        lines.append(f"{each.state:5}  {each.about:9}{each.found}")
        if each.remedy:
            lines.append(f"{'':16}-> {each.remedy}")
    return "\n".join(lines)
