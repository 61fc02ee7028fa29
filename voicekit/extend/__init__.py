"""The door: how others add to voicekit. Hooks, the plugins that implement them, and what can be asked for by name.

pluggy lives here and nowhere else; the rest of voicekit speaks to `Plugins`, which `load_plugins` makes.
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
