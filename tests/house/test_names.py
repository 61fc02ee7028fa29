"""Names that find one thing, and doors that say what goes through: what an editor's "go to definition" lives on."""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterator
from pathlib import PurePosixPath

import pytest

from tests.house.source import Module, modules

SHARED_NAMES = {
    "Answer", "Body", "Calls", "Cut", "Fault", "Message", "Part", "Policy", "Refusal", "Reply", "Stall", "Usage",
    "Verdict",
}  # fmt: skip
"""Public names that more than one module still has: those of voicekit.llm and its double, and of Soniox's server."""

MIRRORS = ("voicekit/soniox/", "voicekit/testing/", "voicekit/cli/")
"""Rooms whose modules mirror others, or each other: the two sides of a wire, a contract and its check, a verb."""

SHARED_MODULES = {"handler.py", "words.py", "phrases.py", "states.py", "table.py"}
"""Module names that voicekit.rules or voicekit.llm share with a room of the conversation; each is the right one."""

ROOMS = ("contracts.py", "events.py", "errors.py", "audio/", "listen/", "turn/", "reply/", "play/", "session/")
"""Rooms whose public signatures name what goes in and out. `flow` is not among them: it carries anything."""

OPEN_DOORS = {
    "voicekit/audio/truncated.py": "what soundfile returns has no types",
    "voicekit/reply/": "text transforms pass on what they do not know",
    "voicekit/play/": "playout offers signals of any kind to its pipeline",
    "voicekit/session/speculation.py": "a gate in front of any stage",
    "voicekit/session/performance.py": "runs of a pipeline of parts that plugins may have replaced",
    "voicekit/session/console.py": "options of a call as a program has them",
    "voicekit/session/running.py": "options of a call as a program has them",
    "voicekit/session/bot.py": "the parts of a bot are whatever a program gives; a session checks them",
    "voicekit/session/stopping.py": "runs any function in the loop",
}
"""Modules and rooms with `Any` in a public signature, and the reason."""


def product() -> list[Module]:
    return [module for module in modules("voicekit/*") if "/template/" not in module.path]


def public_names(tree: ast.Module) -> Iterator[str]:
    """The public classes and type aliases of one module."""
    for node in tree.body:
        if isinstance(node, ast.ClassDef):
            name = node.name
        elif isinstance(node, ast.AnnAssign) and ast.unparse(node.annotation).endswith("TypeAlias"):
            name = ast.unparse(node.target)
        elif isinstance(node, ast.Assign) and isinstance(node.value, ast.Subscript | ast.BinOp):
            name = ast.unparse(node.targets[0])
            if not name.isidentifier() or not name[0].isupper() or name.isupper():
                continue
        else:
            continue
        if not name.startswith("_"):
            yield name


def open_doors(tree: ast.Module) -> list[str]:
    """Each public function, method, base and field that has `Any` in its annotation, with its line."""
    return [f"{line}: {name}" for line, name in _open(tree.body, "")]


def _open(body: list[ast.stmt], owner: str) -> Iterator[tuple[int, str]]:
    for node in body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            of = node.args
            arguments = [*of.posonlyargs, *of.args, *of.kwonlyargs, *(each for each in (of.vararg, of.kwarg) if each)]
            annotations = [argument.annotation for argument in arguments] + [node.returns]
            name, public = node.name, not node.name.startswith("_") or node.name == "__init__"
        elif isinstance(node, ast.ClassDef):
            annotations, name, public = list[ast.expr | None](node.bases), node.name, not node.name.startswith("_")
            if public:
                yield from _open(node.body, f"{node.name}.")
        elif isinstance(node, ast.AnnAssign) and owner:
            annotations, name = [node.annotation], ast.unparse(node.target)
            public = not name.startswith("_")
        else:
            continue
        if public and any(_names_any(annotation) for annotation in annotations):
            yield node.lineno, owner + name


def _names_any(annotation: ast.expr | None) -> bool:
    return annotation is not None and any(
        isinstance(node, ast.Name) and node.id == "Any" for node in ast.walk(annotation)
    )


def test_each_public_name_is_defined_once() -> None:
    """No two modules of the package have a public class or alias of one name, but for those that are known to."""
    places = defaultdict(list)
    for module in product():
        for name in public_names(module.tree):
            places[name].append(module.path)
    twice = {name: found for name, found in places.items() if len(found) > 1 and name not in SHARED_NAMES}
    assert twice == {}


def test_module_names_recur_only_where_rooms_mirror_each_other() -> None:
    """Outside of the mirroring rooms a module's name is enough to find it."""
    places = defaultdict(list)
    for module in product():
        name = PurePosixPath(module.path).name
        if not module.path.startswith(MIRRORS) and not name.startswith("__") and name not in SHARED_MODULES:
            places[name].append(module.path)
    assert {name: found for name, found in places.items() if len(found) > 1} == {}


def test_doors_say_what_goes_through() -> None:
    """No public signature of a room has `Any` in it, but where it is written down why."""
    rooms = tuple(f"voicekit/{room}" for room in ROOMS)
    found = {
        module.path: doors
        for module in product()
        if module.path.startswith(rooms) and not module.path.startswith(tuple(OPEN_DOORS))
        if (doors := open_doors(module.tree))
    }
    assert found == {}


@pytest.mark.parametrize(
    ("text", "names", "doors"),
    [
        ("class A: pass\nclass _B: pass", ["A"], []),
        ("A: TypeAlias = int | str\nBook = dict[str, int]\nC = 5\nD_E = a | b", ["A", "Book"], []),
        ("def f(a: Any) -> None: pass\ndef _g(a: Any) -> None: pass", [], ["1: f"]),
        ("def f(*a: int, **b: list[Any]) -> int: pass", [], ["1: f"]),
        (
            "class A(B[Any]):\n    c: Any\n    _d: Any\n    def e(self) -> Any: pass",
            ["A"],
            ["2: A.c", "4: A.e", "1: A"],
        ),
        ("class A:\n    def __init__(self, b: Any): pass\n    def _c(self, d: Any): pass", ["A"], ["2: A.__init__"]),
        ("class _A:\n    def b(self, c: Any): pass", [], []),
    ],
)
def test_the_rules_see_names_and_doors(text: str, names: list[str], doors: list[str]) -> None:
    """Public names and open doors are found, private ones are not."""
    assert (list(public_names(ast.parse(text))), open_doors(ast.parse(text))) == (names, doors)
