"""Errors about something missing: a command whose plugin is not installed, or a plugin without its packages."""

from __future__ import annotations

from collections.abc import Iterable

from voicekit.errors import ConfigError
from voicekit.extend import Plugins
from voicekit.extend.install import OFFERS, brought_by, install_command, why_missing
from voicekit.extend.names import guess, listed


def no_verb(verb: str, known: Iterable[str], plugins: Plugins) -> ConfigError:
    """The error for an unknown command `verb`: why it does not exist, and what to do about it."""
    distribution = brought_by("verb", verb)
    if distribution is not None:
        return ConfigError(f"{verb!r} {why_missing(distribution, plugins)}")
    known = {*known, *(name for offer in OFFERS.values() for name in offer.get("verb", ()))}
    return ConfigError(f"there is no command {verb!r}{guess(verb, known)}; the commands are: {listed(known)}")


def no_package(verb: str, package: str | None, plugin: str) -> ConfigError:
    """The error for a plugin's command `verb` that can't work because the plugin was installed without `package`."""
    command = install_command(f"voicekit-{plugin}")
    return ConfigError(f"{verb!r} needs the package {package!r}, which is not installed: {command}")
