"""A client of the REST double in memory, in virtual time; every request that it makes is held against the limits."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from tests.unit.rest_limits import out_of_bounds
from voicekit.flow.threads import inline
from voicekit.soniox.rest import SonioxClient
from voicekit.testing.soniox.rest import RestPeer

KEY = "a-key-for-tests"


@asynccontextmanager
async def talking(peer: RestPeer, key: Any = KEY, **options: Any) -> AsyncIterator[SonioxClient]:
    """A client whose waits between attempts are the same each time."""
    inline.set(True)
    async with peer.listening():
        options = {"endpoints": peer.endpoints, "http": peer.http(), "roll": lambda: 0.5, **options}
        async with SonioxClient(key, **options) as soniox:
            yield soniox
    assert out_of_bounds(peer.requests) == []


def targets(peer: RestPeer) -> list[str]:
    """The requests so far, as lines."""
    return [f"{request.method} {request.target.partition('?')[0]}" for request in peer.requests]


def contents(folder: Path) -> dict[str, bytes]:
    """Every file in a folder, hidden ones among them."""
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}
