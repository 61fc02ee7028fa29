"""Whatever a service changes in a field of its wire, the caller hears the same words, or an excuse and we a Trouble.

With VOICEKIT_FULL=1 each case is run; otherwise every tenth.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Callable, Iterator
from itertools import islice

import httpx
import pytest
import trio
from trio.testing import MockClock

from tests.llm_kit import KEY, Heard, ask, one_call
from tests.llm_streams import BEFORE, SCENARIOS, TALK, WIRES, Mutation, Scenario, mutations, stream
from voicekit.llm import LanguageModel
from voicekit.llm.handler import FALLBACK
from voicekit_anthropic.models import anthropic
from voicekit_openai.models import openai

STEP = 1 if os.environ.get("VOICEKIT_FULL") == "1" else 10
LEAST = 5_000
"""Cases in all, of which at least as many are run when all are."""

BORDERS = 15
"""Bytes from one place at which a stream is cut to the next; each cut is a case."""

MAKE: dict[str, Callable[..., LanguageModel]] = {
    "chat": lambda **how: openai(model="m", api_key=KEY, **how),
    "responses": lambda **how: openai(model="m", api_key=KEY, api="responses", **how),
    "messages": lambda **how: anthropic(model="m", api_key=KEY, **how),
}
COUNTED: list[int] = []


class Bytes(httpx.AsyncByteStream):
    """A body in the chunks that it is given."""

    def __init__(self, *chunks: bytes) -> None:
        self._chunks = chunks

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for chunk in self._chunks:
            await trio.lowlevel.checkpoint()
            yield chunk


class Service(httpx.AsyncBaseTransport):
    """Answers the first request of a turn, and its repetitions, by `chunks`, and one with results by `then`."""

    def __init__(self, wire: str) -> None:
        write, end = WIRES[wire]
        self.chunks: tuple[bytes, ...] = ()
        self.then = stream(write(("Done.",), ())) + end

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        await trio.lowlevel.checkpoint()
        body = await request.aread()
        results = any(word in body for word in (b'"tool_call_id"', b"function_call_output", b"tool_result"))
        chunks = (self.then,) if results else self.chunks
        return httpx.Response(200, headers={"content-type": "text/event-stream"}, stream=Bytes(*chunks))


class Room:
    """A tool, and what was done by it."""

    def __init__(self) -> None:
        self.done: list[tuple[str, bool]] = []

    def light(self, room: str, dim: bool = False) -> str:
        """Switch a light on."""
        self.done.append((room, dim))
        return "on"


def problem(scenario: Scenario, heard: Heard, done: list[tuple[str, bool]], lossy: bool, words: str) -> str | None:
    """What is wrong with the outcome; None for nothing."""
    before = "".join(TALK if scenario == "talk" else BEFORE)
    expected = [("hall", False), ("attic", True)] if scenario == "calls" else []
    whole = {before} if scenario == "talk" else {f"{before} Done."}
    if lossy:
        rest = [before, before.replace(words, "", 1)] if words else [before]
        whole |= {text for said in rest for text in (said, f"{said} Done.", f"{said}. Done.")}
    if sorted(done) != sorted(expected) and not (
        lossy and all(done.count(call) <= expected.count(call) for call in done)
    ):
        return f"did {done}"
    if heard.text.strip() in {text.strip() for text in whole}:
        return f"trouble: {heard.troubles}" if heard.troubles else None
    broken_off = heard.text.removesuffix(FALLBACK).rstrip(". ")
    if heard.fell_back and heard.troubles and any(text.startswith(broken_off) for text in whole):
        return None
    return f"said {heard.text!r}, {heard.troubles}"


def cases(wire: str, scenario: Scenario) -> Iterator[tuple[Mutation, tuple[bytes, ...]]]:
    write, end = WIRES[wire]
    events = write(*SCENARIOS[scenario])
    for mutation in mutations(events, end):
        yield mutation, (mutation.body,)
    body = stream(events) + end
    for cut in range(1, len(body), BORDERS):
        yield Mutation(f"cut at {cut}", body), (body[:cut], body[cut:])
    for size in (1, 2, 3, 7, 64):
        yield Mutation(f"cut each {size}", body), tuple(body[at : at + size] for at in range(0, len(body), size))
    for mutation in islice(mutations(events, end), 0, None, 50):
        yield (
            Mutation(f"{mutation.what}, cut", b"", mutation.lossy, mutation.words),
            tuple(mutation.body[at : at + 11] for at in range(0, len(mutation.body), 11)),
        )


@pytest.mark.parametrize("scenario", list(SCENARIOS))
@pytest.mark.parametrize("wire", list(WIRES))
def test_a_changed_field_changes_no_word(wire: str, scenario: Scenario) -> None:
    """Each field of each event null, of another type, left out or repeated, and each border of a chunk moved."""
    wrong: list[str] = []
    chosen = list(islice(cases(wire, scenario), 0, None, STEP))
    service, room = Service(wire), Room()
    handler = MAKE[wire](transport=service, tools=[room.light])

    async def run() -> None:
        async with one_call() as call:
            for mutation, service.chunks in chosen:
                room.done.clear()
                heard = await ask(handler, session=call)
                why = problem(scenario, heard, room.done, mutation.lossy, mutation.words)
                if why is not None:
                    wrong.append(f"{mutation.what}: {why}")

    trio.run(run, clock=MockClock(autojump_threshold=0))
    COUNTED.append(len(chosen))
    assert wrong == [], f"{len(wrong)} of {len(chosen)} cases"


def test_enough_was_changed(capsys: pytest.CaptureFixture[str]) -> None:
    """There are thousands of cases; how many of them were run is printed."""
    there_are = sum(1 for wire in WIRES for scenario in SCENARIOS for _ in cases(wire, scenario))
    with capsys.disabled():
        print(f"\nmodel wires: {there_are} cases, {sum(COUNTED)} run")
    assert there_are >= LEAST


def test_the_judge_knows_wrong_from_right() -> None:
    """What the cases are judged by is not content with anything: words lost, said twice, or calls made up."""
    assert problem("talk", Heard(said=["".join(TALK)]), [], False, "") is None
    assert problem("talk", Heard(said=["The shop opens at nine,"]), [], False, "") is not None
    assert problem("talk", Heard(said=["".join(TALK) * 2]), [], True, TALK[0]) is not None
    assert problem("talk", Heard(said=["".join(TALK), FALLBACK]), [], False, "") is not None
    assert problem("calls", Heard(said=["Let me see. Done."]), [("hall", False)], False, "") is not None
    assert problem("calls", Heard(said=["Let me see. Done."]), [("hall", False)] * 2, True, "") is not None
