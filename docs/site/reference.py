"""The generated pages of the site: policies, events, options of parts, the command line, and the public names.

Everything comes from the code itself: fields and defaults from the classes, words from the docstrings, options from
the parsers of the verbs and from the signatures of registered factories. A page is the text of a Markdown file.
"""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import enum
import inspect
import io
import re
from collections.abc import Callable, Iterator, Sequence
from importlib import import_module
from typing import Any
from unittest import mock

from msgspec import Struct

import voicekit
from voicekit import events
from voicekit.cli import VERBS
from voicekit.cli import main as voicekit_main
from voicekit.extend import Commands, load_plugins
from voicekit.extend.parts import Role
from voicekit.turn import policy

POLICIES = (policy.Policy, policy.TurnPolicy, policy.Speculation, policy.InterruptPolicy, policy.CallPolicy)
ROLES: tuple[Role, ...] = ("source", "vad", "stt", "handler", "tts", "sink", "transport")
ROOMS = (
    "voicekit", "voicekit.extend", "voicekit.flow", "voicekit.listen", "voicekit.llm", "voicekit.rules", "voicekit.aio",
    "voicekit.soniox", "voicekit.soniox.rest", "voicekit.testing", "voicekit.testing.llm",
)  # fmt: skip
"""The modules whose `__all__` is public; `voicekit.call` and `voicekit.contracts` have pages by hand."""


def pages() -> dict[str, str]:
    """The text of each generated page by its name."""
    return {
        "policies": policies(),
        "events": event_table(),
        "options": options(),
        "commands": commands(),
        "api": api(),
    }


def policies() -> str:
    """Every policy with its fields, their defaults, and what the docstring has on each of them."""
    made = "# Policies\n\nGenerated from `voicekit/turn/policy.py`. All times are seconds. "
    made += "On the command line: `--policy turn.settle=1.2`.\n"
    for kind in POLICIES:
        before, meanings = by_field(kind)
        made += f"\n## {kind.__name__}\n\n{before}\n\n| field | type | default | meaning |\n|---|---|---|---|\n"
        made += "".join(
            row(f"`{each.name}`", f"`{each.type}`", default(each), meanings.get(each.name, f"see {each.type} below"))
            for each in dataclasses.fields(kind)
        )
    return made


def by_field(kind: type) -> tuple[str, dict[str, str]]:
    """The docstring of a dataclass, cut at each "`field`: ": what is in front, and what is behind each field's name."""
    fields = "|".join(field.name for field in dataclasses.fields(kind))
    before, *parts = re.split(rf"`({fields})`:\s", inspect.getdoc(kind) or "")
    return paragraphs(before.strip()), dict(zip(parts[::2], (part.strip() for part in parts[1::2]), strict=True))


def event_table() -> str:
    """Every class of `voicekit.events` with its fields, in the order of the module."""
    made = "# Events\n\nGenerated from `voicekit/events.py`. "
    made += "Watchers, the event log and `voicekit_observe` see the session events, which are the last ones here.\n"
    for name, kind in vars(events).items():
        if not inspect.isclass(kind) or kind.__module__ != events.__name__:
            continue
        made += f"\n## {name}\n\n{prose(kind)}\n"
        if issubclass(kind, enum.Enum):
            made += "\n" + "".join(f"- `{member.name}`: `{member.value}`\n" for member in kind)
        elif issubclass(kind, Struct) and kind.__struct_fields__:
            made += "\n| field | type | default |\n|---|---|---|\n"
            names, defaults = kind.__struct_fields__, kind.__struct_defaults__
            without = [""] * (len(names) - len(defaults))
            for name, given in zip(names, [*without, *(f"`{value(each)}`" for each in defaults)], strict=True):
                made += row(f"`{name}`", f"`{kind.__annotations__[name]}`", given)
    return made


def options() -> str:
    """What each part by name takes, of voicekit itself and of its plugins."""
    made = "# Options of parts\n\nWhat `Use(name, ...)` and `--stt NAME:OPTION=VALUE` take, for each role. "
    made += "The column *plugin* names the plugin that registers the part.\n"
    registry = load_plugins().registry
    for role in ROLES:
        made += f"\n## {role}\n\n| name | plugin | options and their defaults |\n|---|---|---|\n"
        for name in registry.names(role):
            found = registry.find(role, name)
            taken = ", ".join(f"`{shown(each)}`" for each in found.parameters().values())
            made += row(f"`{name}`", found.plugin, taken or "none")
    return made


def commands() -> str:
    """Every verb of the command line, those of plugins too, with its arguments."""
    made = "# Command line\n\nGenerated from the verbs themselves; `voicekit VERB --help` prints the same. "
    made += "`--traceback` may be added to each of them.\n"
    for name in verbs():
        found, printed = parsers(name)
        if not found:
            made += f"\n## voicekit {name}\n\n```text\n{printed.strip()}\n```\n"
        for parser in found:
            made += f"\n## {parser.prog}\n\n{parser.description or ''}\n"
            taken = [action for action in parser._actions if action.dest not in {"help", "verb"}]
            rows = [row(_call(action), text(action)) for action in taken]
            made += "\n| argument | meaning |\n|---|---|\n" + "".join(rows) if rows else ""
    return made


def verbs() -> list[str]:
    """The names of all verbs, those of plugins too."""
    added = Commands()
    load_plugins().commands(added)
    return sorted({*VERBS, *(command.name for command in added)})


def parsers(verb: str) -> tuple[list[argparse.ArgumentParser], str]:
    """The parser of `verb`, caught when it is asked for help, and what a verb without a parser prints instead."""
    caught: list[argparse.ArgumentParser] = []
    printed = io.StringIO()
    catching = mock.patch.object(argparse.ArgumentParser, "print_help", lambda self, file=None: caught.append(self))
    with catching, contextlib.redirect_stdout(printed), contextlib.suppress(SystemExit):
        voicekit_main([verb, "--help"])
    return caught, printed.getvalue()


def text(action: argparse.Action) -> str:
    """The help of an argument with its default filled in."""
    values = {**vars(action), "prog": "voicekit", "default": action.default}
    words = (action.help or "") % values
    return f"{words} (one of {', '.join(map(str, action.choices))})" if action.choices else words


def api() -> str:
    """Every public name of the public modules with its signature and docstring."""
    made = "# Public names\n\nGenerated from the code. A name that is not here may change in any version. "
    made += "The contracts of parts are in [parts](../parts.md), those of wires in [transports](../transports.md).\n"
    for room in ROOMS:
        module = import_module(room)
        made += f"\n## {room}\n\n{paragraphs((inspect.getdoc(module) or '').partition(chr(10))[0])}\n"
        for name in module.__all__:
            thing = getattr(module, name)
            if room != "voicekit" and thing is getattr(voicekit, name, None):
                made += f"\n`{name}`: the same as `voicekit.{name}`.\n"
            else:
                made += f"\n### {room}.{name}\n\n" + described(name, thing)
    return made


def described(name: str, thing: Any) -> str:
    """The signature and the docstring of a public thing."""
    if inspect.ismodule(thing) or not (callable(thing) and hasattr(thing, "__name__")):
        kind = type(thing).__name__
        return f"{prose(thing)}\n" if inspect.ismodule(thing) else f"A value of type `{kind}`.\n"
    made = f"```python\n{signature(name, thing)}\n```\n\n{prose(thing)}\n"
    if inspect.isclass(thing):
        for method, function in sorted(vars(thing).items()):
            if not method.startswith("_") and (inspect.isfunction(function) or isinstance(function, property)):
                made += f"\n- `{method}`: {first_sentence(function)}\n"
    return made


def signature(name: str, thing: Callable[..., Any]) -> str:
    """How `thing` is called, with one parameter a line if there are many."""
    try:
        taken = inspect.signature(thing)
    except (TypeError, ValueError):
        return name
    parts = [shown(each) for each in taken.parameters.values()]
    kinds = [each.kind for each in taken.parameters.values()]
    if inspect.Parameter.KEYWORD_ONLY in kinds and inspect.Parameter.VAR_POSITIONAL not in kinds:
        parts.insert(kinds.index(inspect.Parameter.KEYWORD_ONLY), "*")
    called = f"{name}({', '.join(parts)})"
    return called if len(called) <= 100 else f"{name}(\n    " + ",\n    ".join(parts) + ",\n)"


def shown(parameter: inspect.Parameter) -> str:
    """A parameter with its default, without its type."""
    stars = (
        "*" if parameter.kind is parameter.VAR_POSITIONAL else "**" if parameter.kind is parameter.VAR_KEYWORD else ""
    )
    if parameter.default is inspect.Parameter.empty:
        return f"{stars}{parameter.name}"
    return f"{parameter.name}={value(parameter.default)}"


def value(thing: object) -> str:
    """A default as one would write it; addresses and long reprs are left out."""
    if thing is ...:
        return "..."
    words = repr(thing)
    return getattr(thing, "__name__", f"{type(thing).__name__}(...)") if " at 0x" in words or len(words) > 60 else words


def default(field: dataclasses.Field[Any]) -> str:
    """The default of a field, as code; nothing for a field that must be given."""
    if field.default is not dataclasses.MISSING:
        return f"`{value(field.default)}`"
    if field.default_factory is not dataclasses.MISSING:
        return "its own defaults"
    return ""


def prose(thing: Any) -> str:
    """The docstring of `thing`; nothing if it has none of its own."""
    words = inspect.getdoc(thing) or ""
    made_up = dataclasses.is_dataclass(thing) and words.startswith(f"{getattr(thing, '__name__', '')}(")
    return "" if made_up else paragraphs(words)


def first_sentence(thing: Any) -> str:
    """The first sentence of the docstring of `thing`."""
    return re.split(r"(?<=[.!?])\s", " ".join((inspect.getdoc(thing) or "no description").split()), maxsplit=1)[0]


def paragraphs(words: str) -> str:
    """A docstring as Markdown: parts that are indented or begin with a prompt become blocks of code."""
    return "\n\n".join(_paragraph(part) for part in re.split(r"\n\s*\n", words))


def row(*cells: str) -> str:
    """A row of a table."""
    return "| " + " | ".join(" ".join(cell.replace("|", "\\|").split()) for cell in cells) + " |\n"


def _paragraph(part: str) -> str:
    if part.startswith((">>>", "    ")):
        return f"```text\n{inspect.cleandoc(part)}\n```"
    return part.replace("<", "\\<") if "`" not in part else part


def _call(action: argparse.Action) -> str:
    """An argument as it is typed."""
    metavar: str | Sequence[str] | None = action.metavar
    if isinstance(metavar, tuple):
        metavar = " ".join(metavar)
    takes = metavar or ("" if action.nargs == 0 else action.dest.upper())
    return (
        f"`{', '.join(action.option_strings)}{' ' if takes else ''}{takes}`" if action.option_strings else f"`{takes}`"
    )


def public_names() -> Iterator[str]:
    """The full name of everything that the page of public names has to have."""
    for room in ROOMS:
        yield from (f"{room}.{name}" for name in import_module(room).__all__)
