"""What `check_call` sends to a wire that knows messages of bytes alone: those of the page about TCP, broken."""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Any

import pytest

from tests.house.markdown import read
from tests.house.source import ROOT
from voicekit.testing.contracts.call import _refuses_garbage

NAMES = ("tin_can", "tin_can_peer")
SHOWN = {block.name: block.text for block in read((ROOT / "docs/tcp.md").read_text("utf-8")).blocks if block.mark}


@pytest.fixture
def tin_can(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """The names of both files that the page shows."""
    names: dict[str, Any] = {}
    for name in NAMES:
        module = ModuleType(name)
        monkeypatch.setitem(sys.modules, name, module)
        exec(compile(SHOWN[name], f"docs/tcp.md: {name}.py", "exec"), vars(module))
        names |= vars(module)
    return names


def test_a_wire_of_bytes_is_sent_no_text(tin_can: dict[str, Any]) -> None:
    """Its stream never returns any."""
    seen: list[object] = []

    class Watched(tin_can["TinCanWire"]):  # type: ignore[misc]
        def receive(self, message: Any) -> Any:
            seen.append(message)
            return super().receive(message)

    _refuses_garbage(tin_can["Dialect"](Watched, tin_can["TinCanPeer"], tin_can["FORMAT"]))
    assert len(seen) > 100
    assert {type(message) for message in seen} == {bytes}


def test_a_broken_promise_has_the_message_that_broke_it(tin_can: dict[str, Any]) -> None:
    """As it came, up to sixty bytes."""

    class Careless(tin_can["TinCanWire"]):  # type: ignore[misc]
        def receive(self, message: Any) -> Any:
            return [] if message[0] else super().receive(message)

    with pytest.raises(AssertionError, match=r"tin can: raised IndexError\('index out of range'\) for b''"):
        _refuses_garbage(tin_can["Dialect"](Careless, tin_can["TinCanPeer"], tin_can["FORMAT"]))
