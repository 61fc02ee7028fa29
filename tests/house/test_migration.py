"""The pages for those who come from elsewhere: each of our names in their tables exists, with its parameters."""

from __future__ import annotations

import ast
import functools
import importlib
import inspect
import re
import typing
from collections.abc import Mapping

import pytest

import voicekit
import voicekit.llm
from docs.site import reference
from tests.house.markdown import rows, spans
from tests.house.source import ROOT

PAGES = ("docs/migrate-pipecat.md", "docs/migrate-livekit.md")

ROOMS = ("voicekit", "voicekit.events", "voicekit.llm", "voicekit.testing", "voicekit_openai.models")
"""Rooms whose names stand in the tables without the room."""

HELD: dict[str, object] = {
    "turn": voicekit.Turn, "session": voicekit.Session, "say": voicekit.Say.__call__, "call": voicekit.Session,
}  # fmt: skip
"""What a handler or a program has at hand, by the usual name."""

PASSED_ON = {voicekit.llm.tool: voicekit.llm.ToolPolicy}
"""Functions that pass their keywords on, and what takes them."""

HOOKS = "docs/hooks.md"


def found(name: str) -> object:
    """What a bare name stands for."""
    if name in HELD:
        return HELD[name]
    for room in ROOMS:
        module = importlib.import_module(room)
        if hasattr(module, name):
            return getattr(module, name)
    return importlib.import_module(name)


def member(owner: object, name: str) -> object:
    """The attribute of a class, or what its annotation promises; of a package, also the module of that name."""
    if inspect.ismodule(owner) and not hasattr(owner, name):
        return importlib.import_module(f"{owner.__name__}.{name}")
    if inspect.isclass(owner) and name in (hints := typing.get_type_hints(owner)):
        return hints[name]
    value = inspect.getattr_static(owner, name) if inspect.isclass(owner) else getattr(owner, name)
    return typing.get_type_hints(value.fget)["return"] if isinstance(value, property) else value


def resolve(node: ast.expr) -> object:
    """What an expression stands for; its calls have parameters of the names that they are given."""
    if isinstance(node, ast.Await):
        return resolve(node.value)
    if isinstance(node, ast.Call):
        called = resolve(node.func)
        assert callable(called), ast.unparse(node)
        parameters = {**inspect.signature(called).parameters, **_passed_on(called)}
        for keyword in node.keywords:
            assert keyword.arg in parameters, f"{ast.unparse(node)}: no parameter {keyword.arg}"
        return called
    if isinstance(node, ast.Attribute):
        return member(next(iter(alternatives(resolve(node.value)))), node.attr)
    assert isinstance(node, ast.Name), ast.unparse(node)
    return found(node.id)


def _passed_on(called: object) -> Mapping[str, inspect.Parameter]:
    return inspect.signature(PASSED_ON[called]).parameters if called in PASSED_ON else {}


def alternatives(kind: object) -> tuple[object, ...]:
    """`X` of `X | None`."""
    return tuple(each for each in typing.get_args(kind) if each is not type(None)) or (kind,)


@functools.cache
def commands() -> str:
    """The page about the command line, as it is generated."""
    return reference.pages()["commands"]


def check(span: str) -> None:
    """A verb, an option of one, a hook, or an expression in Python."""
    if span.startswith("voicekit "):
        assert span.removeprefix("voicekit ") in reference.verbs()
    elif span.startswith("--"):
        assert f"| `{span.partition(' ')[0]}" in commands()
    elif span.startswith("voicekit_") and "." not in span:
        assert f"### {span}\n" in (ROOT / HOOKS).read_text(encoding="utf-8")
    else:
        resolve(ast.parse(span.removeprefix("@"), mode="eval").body)


@pytest.mark.parametrize("page", PAGES)
def test_our_names_exist(page: str) -> None:
    """Each piece of code on the right side of the table is a name of ours."""
    wrong = []
    pairs = [cells for cells in rows((ROOT / page).read_text(encoding="utf-8")) if len(cells) == 2]
    assert len(pairs) > 30
    for _, ours in pairs:
        for span in spans(ours):
            try:
                check(span)
            except (AssertionError, AttributeError, ImportError, SyntaxError) as error:
                wrong.append(f"{span}: {error}")
    assert wrong == []


@pytest.mark.parametrize(
    "span", ["TurnPolicy(setle=1)", "turn.ends()", "voicekit.aio.Hosts()", "voicekit fly", "--fly", "voicekit_fly"]
)
def test_a_name_that_does_not_exist_is_found(span: str) -> None:
    """Misspelt parameters, attributes, modules, verbs, options and hooks fail the check."""
    with pytest.raises((AssertionError, AttributeError, ImportError)):
        check(span)


def test_the_pages_name_what_was_compared() -> None:
    """The versions on the pages are those that the benchmarks install."""
    from benchmarks.scenes_beside_peers import PEERS

    for page, peer in zip(PAGES, PEERS, strict=True):
        name, _, version = re.sub(r"\[.*\]", "", PEERS[peer][0]).partition("==")
        assert f"names and defaults with those of {name} {version}" in (ROOT / page).read_text(encoding="utf-8")
