"""The interface for plugins: hooks, the plugins that implement them, and the parts that can be requested by name.

Only this package uses pluggy; the rest of voicekit uses `Plugins`, which `load_plugins` returns.
"""

from voicekit.extend.commands import Command, Commands
from voicekit.extend.facade import PluginInfo, Plugins
from voicekit.extend.hookspecs import Apologise, Restart, hookimpl
from voicekit.extend.loader import load_plugins
from voicekit.extend.parts import ROLES, Part, Role
from voicekit.extend.registry import Needs, Registered, Registry, Use
from voicekit.extend.view import SessionView

__all__ = [
    "Apologise",
    "Command",
    "Commands",
    "Needs",
    "Part",
    "PluginInfo",
    "Plugins",
    "ROLES",
    "Registered",
    "Registry",
    "Restart",
    "Role",
    "SessionView",
    "Use",
    "hookimpl",
    "load_plugins",
]
