"""The checks of handlers and voices find each promise that can be broken."""

from __future__ import annotations

from contextlib import asynccontextmanager, suppress

import pytest
import trio
from msgspec.structs import replace

from tests.unit.broken_kit import Changing, Stating
from voicekit.audio.format import PCM16K, AudioFormat
from voicekit.audio.frame import AudioFrame
from voicekit.contracts import Text
from voicekit.events import WordMark
from voicekit.flow import each, open_link
from voicekit.reply.handler import Turn
from voicekit.testing import FakeTts, check_handler, check_tts

TEXT = "Hello there. How are you?"


async def saying_a_number(turn, say):
    await say(5)


async def never_done(turn, say):
    await say("Wait. ")
    await trio.sleep_forever()


async def failing(turn, say):
    await say("Well, ")
    raise ValueError("no idea")


async def reluctant(turn, say):
    try:
        await say("One moment. ")
        await trio.sleep(1.0)
    finally:
        with trio.CancelScope(shield=True):
            await trio.sleep(5.0)


def with_three_arguments(turn, say, more):
    """No handler."""


@pytest.mark.parametrize(
    ("handler", "sentence"),
    [
        (saying_a_number, r"raised TypeError\('say\(\) takes text \(str\), got int: 5'\) while it ran"),
        (never_done, "must return at the end of its stream; it ran 60 s after its inbox had ended"),
        (failing, r"'failing' raised ValueError\('no idea'\) while it ran"),
        (reluctant, "took 5 s to clean up after a cancellation"),
        (with_three_arguments, "is not a handler: .* expected the parameters"),
        (5, "5 is not a handler"),
    ],
)
async def test_each_promise_of_a_handler_that_is_broken_is_told(autojump_clock, handler, sentence):
    """A handler that breaks one promise fails the check with the sentence that says which."""
    with pytest.raises(AssertionError, match=sentence):
        await check_handler(lambda: handler)


async def test_a_handler_is_asked_the_turn_that_is_given(autojump_clock):
    """The check takes a text, or a whole Turn with a reason and a history."""
    asked = set()

    def note(turn):
        asked.add((turn.number, turn.text, turn.reason))

    await check_handler(lambda: note, "Who is there?")
    await check_handler(lambda: note, Turn(7, "", reason="idle"))
    assert asked == {(1, "Who is there?", "speech"), (7, "", "idle")}


def voice(change=lambda item: [item]) -> Changing:
    return Changing(FakeTts(), change)


def marks(change):
    return lambda: voice(lambda item: [change(item)] if isinstance(item, WordMark) else [item])


def frames(change):
    return lambda: voice(lambda item: change(item) if isinstance(item, AudioFrame) else [item])


def without_its_last_mark():
    return voice(lambda item: [] if getattr(item, "text", "") == "you?" else [item])


def deaf_to_what_is_wanted():
    return Stating(FakeTts(), negotiate=lambda wanted: AudioFormat(22_050))


def cut_asynchronously():
    async def cut():
        await trio.lowlevel.checkpoint()

    return Stating(FakeTts(), cut=cut)


class Cutting(FakeTts):
    """A voice that is told to be quiet by a flag, the way it should not be."""

    _quiet = _speaking = False
    sticks = sticks_when_speaking = False
    state, refuses = "not open", ""

    def cut(self):
        if self.state == self.refuses:
            raise ValueError(self.state)
        self._quiet = self.sticks or (self.sticks_when_speaking and self._speaking)

    @asynccontextmanager
    async def open(self):
        self.state = "open"
        async with super().open() as run:

            async def quietly(inbox, outbox):
                if self._quiet:
                    async for _ in inbox:
                        pass
                else:
                    self._speaking = True
                    await run(inbox, outbox)
                    self._speaking = False

            yield quietly
        self.state = "closed"


def failing_when(state):
    def make():
        made = Cutting()
        made.refuses = state
        return made

    return make


def quiet_ever_after():
    made = Cutting()
    made.sticks = True
    return made


def quiet_after_an_interruption():
    made = Cutting()
    made.sticks_when_speaking = True
    return made


class Background(FakeTts):
    """Speaks from a task that outlives the reply."""

    @asynccontextmanager
    async def open(self):
        async with trio.open_nursery() as nursery, super().open() as run:

            async def speak(inbox, outbox, done):
                with suppress(trio.ClosedResourceError, trio.BrokenResourceError):
                    await run(inbox, outbox)
                done.set()

            async def wait(inbox, outbox):
                done = trio.Event()
                nursery.start_soon(speak, inbox, outbox, done)
                await done.wait()

            yield wait
            nursery.cancel_scope.cancel()


class Expecting(FakeTts):
    """Wants at least one word."""

    async def _run(self, inbox, outbox):
        first, inlet = open_link(10**6)
        with first, inlet:
            await first.send(await inbox.receive())
            async for text in inbox:
                await first.send(text)
            first.close()
            await super()._run(inlet, outbox)


class Greedy(FakeTts):
    """Takes in all text that there is before it has spoken any."""

    async def _run(self, inbox, outbox):
        hoard, hoarded = open_link(10**9)

        async def take():
            with hoard:
                async for text in inbox:
                    await hoard.send(text)

        with hoarded:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(take)
                await super()._run(hoarded, outbox)


def breathless():
    def hurry(text):
        assert isinstance(text, Text)
        if not text.text:
            raise ValueError("nothing to say")
        return text

    line = each(hurry) | FakeTts()
    inner = line.parts[-1]
    return Stating(inner, open=line.open)


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda: Stating(FakeTts(), negotiate=lambda wanted: wanted.rate), "must return an AudioFormat, not 16000"),
        (lambda: Stating(FakeTts(), negotiate=int), "raised TypeError.* when it was offered pcm16 16000 Hz mono"),
        (deaf_to_what_is_wanted, "has negotiated pcm16 22050 Hz mono, but `produces` is None"),
        (
            frames(lambda item: [replace(item, format=AudioFormat(8_000, "alaw"))]),
            "`produces` .*, but emitted AudioFrame",
        ),
        (frames(lambda item: [replace(item, format=PCM16K)]), "`produces` pcm16 8000 Hz mono, but emitted AudioFrame"),
        (frames(lambda item: [replace(item, pcm=item.pcm[:-1])]), "cut a sample in two"),
        (frames(lambda item: [item] if item.at else []), "where sample 0 was due"),
        (frames(lambda item: []), "emitted no sound"),
        (lambda: voice(lambda item: [] if isinstance(item, WordMark) else [item]), "emitted no WordMark"),
        (marks(lambda mark: replace(mark, at=99_999 - mark.at)), "must not go back with its marks"),
        (marks(lambda mark: replace(mark, said_to=99 - mark.said_to)), "must not go back with its marks"),
        (marks(lambda mark: replace(mark, at=mark.at + 10**6)), "that word would never be heard"),
        (without_its_last_mark, "reached character 20 of 25 with its last WordMark"),
        (marks(lambda mark: replace(mark, said_to=mark.said_to * 2)), "reached character 50 of 25"),
        (breathless, r"raised ValueError\('nothing to say'\)"),
        (cut_asynchronously, r"must have a plain cut\(\) that acts immediately, not an async one"),
        (failing_when("not open"), r"raised ValueError\('not open'\) when cut\(\) was called"),
        (failing_when("open"), r"raised ValueError\('open'\) when cut\(\) was called"),
        (failing_when("closed"), r"raised ValueError\('closed'\) when cut\(\) was called"),
        (quiet_ever_after, "emitted no sound"),
        (quiet_after_an_interruption, "emitted no sound"),
        (Expecting, r"raised EndOfChannel\(\) while it ran"),
        (Background, r"emitted \[.*\] after it had been cancelled"),
        (Greedy, "took all of .* items while its output was not read: it must wait"),
        (object, "does not fit: expected a tts"),
    ],
)
async def test_each_promise_of_a_voice_that_is_broken_is_told(autojump_clock, make, sentence):
    """A voice that breaks one promise fails the check with the sentence that says which."""
    with pytest.raises(AssertionError, match=sentence):
        await check_tts(make, TEXT)
