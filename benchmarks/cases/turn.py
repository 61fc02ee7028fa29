"""What a turn costs without the services: from `<end>` on the wire to the first text on the wire, and the first sound.

Both agents use the same stub over websockets on loopback. The services take no time, and the handler takes no time or
gives a token every 20 ms. The sound is 0.1 s long, so that turns follow each other quickly.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import trio

from benchmarks.agents import Agent, ByHand, WithVoicekit
from benchmarks.case import Case
from benchmarks.stub import Stub

REPLY_S = 0.1
SETTLES_S = 0.15
"""Seconds to wait until everything is connected; the wait between two turns is a tenth of this."""


async def turns(agent: Agent, pick: Callable[[Stub, Agent], float], count: int) -> Sequence[float]:
    """`pick` after each of `count` turns."""
    stub, taken = Stub(REPLY_S), []
    with trio.fail_after(30 + count):
        async with stub.serve() as endpoints, trio.open_nursery() as nursery:
            nursery.start_soon(agent.run, endpoints)
            await stub.hearing.wait()
            await trio.sleep(SETTLES_S)
            for _ in range(count):
                agent.ended = trio.Event()
                await stub.end_turn()
                await agent.ended.wait()
                taken.append(pick(stub, agent))
                await trio.sleep(SETTLES_S / 10)
            nursery.cancel_scope.cancel()
    return taken


def text_sent(stub: Stub, agent: Agent) -> float:
    return stub.text - stub.asked


def sound_made(stub: Stub, agent: Agent) -> float:
    return agent.sounded - stub.asked


def _compare(name: str, what: str, token_s: float, pick: Callable[[Stub, Agent], float], limit: float | None) -> None:
    case = Case(name, what, operations=10, rounds=8)

    @case.floor("a trio client by hand")
    async def by_hand(count: int) -> Sequence[float]:
        return await turns(ByHand(token_s, REPLY_S), pick, count)

    @case.subject("a voicekit session", aim=1.5, limit=limit)
    async def with_voicekit(count: int) -> Sequence[float]:
        return await turns(WithVoicekit(token_s), pick, count)


_compare("turn-text", "`<end>` on the wire -> first text on the wire, over loopback", 0.0, text_sent, 0.008)
_compare("turn-sound", "`<end>` on the wire -> first frame at the sink, over loopback", 0.0, sound_made, 0.012)
_compare("turn-tokens", "`<end>` -> first text on the wire, handler with a token every 20 ms", 0.02, text_sent, None)
