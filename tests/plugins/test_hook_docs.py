"""Every hook is documented with its exact signature and an example that works, and has a test named after it."""

from __future__ import annotations

import ast
import doctest
import inspect
import re
from pathlib import Path
from types import ModuleType

import pytest

from tests.plugins.support import loaded
from voicekit import contracts
from voicekit.extend import hookspecs, registry
from voicekit.extend.check import HOOKS

HERE = Path(__file__).parent
PAGE = (HERE.parent.parent / "docs" / "hooks.md").read_text()


def sections() -> dict[str, list[str]]:
    """The Python blocks of each section that has the name of a hook for its heading."""
    parts = re.split(r"^#{1,3} (.+)$", PAGE, flags=re.MULTILINE)
    blocks = {
        heading: re.findall(r"^```python\n(.*?)^```$", body, re.MULTILINE | re.DOTALL)
        for heading, body in zip(parts[1::2], parts[2::2], strict=True)
    }
    return {heading: found for heading, found in blocks.items() if heading.startswith(hookspecs.PREFIX)}


def signature(hook: str) -> str:
    """As it is written in hookspecs.py."""
    spec = inspect.signature(getattr(hookspecs, hook))
    arguments = ", ".join(f"{each.name}: {each.annotation}" for each in spec.parameters.values())
    return f"def {hook}({arguments}) -> {spec.return_annotation}"


def test_the_page_has_a_section_for_each_hook_and_no_other() -> None:
    """The sections stand in the order of hookspecs.py."""
    assert list(sections()) == list(HOOKS)


@pytest.mark.parametrize("hook", HOOKS)
def test_the_section_shows_the_exact_signature(hook: str) -> None:
    """The first block of a section is the signature, to the letter."""
    assert sections()[hook][0].strip() == signature(hook)


@pytest.mark.parametrize("hook", HOOKS)
def test_the_example_is_a_plugin_that_loads(hook: str) -> None:
    """The second block of a section is a whole plugin that implements the hook."""
    module = ModuleType("example")
    exec(compile(sections()[hook][1], f"docs/hooks.md, {hook}", "exec"), vars(module))
    assert loaded(module).listing()[0].hooks == (hook,)


@pytest.mark.parametrize("hook", HOOKS)
def test_there_is_a_test_named_after_the_hook(hook: str) -> None:
    """Somewhere beside this file stands a `test_voicekit_...` for it."""
    trees = [ast.parse(path.read_text()) for path in sorted(HERE.glob("test_*.py"))]
    functions = [node.name for tree in trees for node in ast.walk(tree) if hasattr(node, "name")]
    assert any(re.match(rf"test_{hook}(_|$)", name) for name in functions if name)


@pytest.mark.parametrize("hook", HOOKS)
def test_the_specification_says_what_the_hook_is_for(hook: str) -> None:
    """Each hook has a docstring in the code too."""
    assert inspect.getdoc(getattr(hookspecs, hook))


@pytest.mark.parametrize("module", [registry, contracts])
def test_the_examples_in_docstrings_are_true(module: ModuleType) -> None:
    """What a docstring shows is what happens."""
    ran = doctest.testmod(module)
    assert (ran.attempted > 0, ran.failed) == (True, 0)
