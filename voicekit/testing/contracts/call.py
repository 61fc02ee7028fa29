"""Checks a wire, and a call over it, against their contracts."""

from __future__ import annotations

import json
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from functools import partial
from typing import Any

import trio

from voicekit.audio.frame import AudioFrame
from voicekit.call.connection import Call, open_call
from voicekit.call.info import CallEnd, EndReason
from voicekit.call.peer import Dialect
from voicekit.call.wire import MessageStream, WireMessage
from voicekit.errors import ConfigError, RemoteProtocolError, Unavailable
from voicekit.flow.link import open_link
from voicekit.testing.carrier import PhoneLine, ScriptedCarrier
from voicekit.testing.contracts.promise import bench, promise
from voicekit.testing.contracts.sink import check_sink
from voicekit.testing.phone_call import carrier_of

ABLE = {"mark", "clear", "hang_up", "digits", "transfer"}

LONGEST_LEAD = 0.4
"""The maximum number of seconds by which playout sends sound ahead of the clock."""

SECONDS = 3.0
"""Seconds of audio that are written: not a multiple of a packet, so that the last packet is padded."""

GARBAGE = 300
"""How many invalid messages a wire gets."""

SOON = 1.5
"""Seconds within which a call must notice its end."""

LINES: tuple[dict[str, Any], ...] = (
    {},
    {"delay": 0.1, "jitter": 0.05},
    {"delay": 0.02, "late_marks": 0.3},
    {"lose_marks": 1},
)


async def check_call(dialect: Dialect) -> None:
    """Check the wire of `dialect` against its peer.

    The caller's audio and keys must arrive exactly once, complete and in order. Written audio must reach the far end in
    the same way, even on a line that is slow or shaky, or that loses all marks. The position must never decrease, never
    exceed the written audio, and never exceed the played audio by more than the declared error. A cut must silence the
    far end. Invalid messages may raise only RemoteProtocolError. A goodbye, a lost connection and our own hang-up must
    each end the call in time and with the right reason; the connection must be closed only once. The call's sink must
    fulfil the sink contract.
    """
    wire: Any = dialect.wire()
    async with bench(wire):
        promise(isinstance(wire.name, str) and wire.name != "", wire, "must have a name: a str that is not empty")
        promise(
            set(wire.can) <= ABLE, wire, f"may state in `can` only {', '.join(sorted(ABLE))}; got {sorted(wire.can)}"
        )
        await _hears(dialect)
        for line in LINES:
            await _plays(dialect, line)
        await _is_cut(dialect)
        _refuses_garbage(dialect)
        await _ends(dialect)
        await _does_not_start(dialect)
    await check_sink(lambda: CalledSink(dialect))


class ClosedOnce:
    """A stream that counts how many times it was closed."""

    def __init__(self, stream: MessageStream) -> None:
        self.closed = 0
        self._stream = stream

    async def receive(self) -> WireMessage:
        return await self._stream.receive()

    async def send(self, message: WireMessage) -> None:
        await self._stream.send(message)

    async def close(self, code: int = 1000) -> None:
        self.closed += 1
        await self._stream.close(code)


@asynccontextmanager
async def _called(dialect: Dialect, **line: Any) -> AsyncIterator[tuple[Call, ScriptedCarrier]]:
    """A call that has begun, and its far end. Checks at the end that the connection was closed only once."""
    carrier = carrier_of(PhoneLine(transport=dialect, **{"delay": 0.0, **line}), dialect)
    stream = ClosedOnce(carrier.stream)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(carrier.run)
        async with open_call(stream, dialect.wire()) as call:
            lead, packet = call.sink.lead, call._wire.packet
            promise(
                0 < packet <= lead <= LONGEST_LEAD,
                call._wire,
                f"must state 0 < packet ({packet}) <= lead ({lead}) <= 0.4",
            )
            yield call, carrier
        promise(stream.closed == 1, dialect.wire(), f"must have its connection closed once, not {stream.closed} times")
        nursery.cancel_scope.cancel()


def _tone(call: Call, at: int, samples: int) -> bytes:
    """Sound in which each byte encodes its position; no byte is silence."""
    size = call.sink.format.sample_bytes
    return bytes(1 + (at * size + n) % 120 for n in range(samples * size))


async def _hears(dialect: Dialect) -> None:
    async with _called(dialect) as (call, carrier), call.source.open() as run:
        form = call.source.produces
        size = form.samples(dialect.packet)
        said = [bytes((1 + n) % 120 + 1 for n in range(size * form.sample_bytes))] * 20
        outlet, inlet = open_link(1_000_000, name="heard")
        nothing, nowhere = open_link(1, name="nothing")
        heard: list[object] = []
        with outlet, inlet, nothing, nowhere:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(run, nowhere, outlet)
                for number, pcm in enumerate(said):
                    carrier.say(carrier.peer.sound(pcm, round(number * dialect.packet * 1000)))
                    await trio.sleep(dialect.packet)
                carrier.say(carrier.peer.digit("5"))
                await trio.sleep(0.3)
                with suppress(trio.WouldBlock):
                    heard = list(await inlet.receive_all())
                nursery.cancel_scope.cancel()
        frames = [item for item in heard if isinstance(item, AudioFrame)]
        got, sent = b"".join(frame.pcm for frame in frames), b"".join(said)
        promise(
            got == sent,
            call._wire,
            f"must pass on the caller's sound once and completely: {len(sent)} bytes came, {len(got)} arrived",
        )
        promise(
            any(getattr(item, "digit", "") == "5" for item in heard),
            call._wire,
            "must report a key that the caller pressed",
        )


async def _plays(dialect: Dialect, line: dict[str, Any]) -> None:
    async with _called(dialect, **line) as (call, carrier), call.sink.open() as speaker:
        form, lead = call.sink.format, call.sink.lead
        written, last, start = 0, 0, trio.current_time()
        total = form.samples(SECONDS + 0.013)
        while written < total:
            samples = min(form.samples(0.03), total - written)
            await speaker.write(AudioFrame(_tone(call, written, samples), written, form))
            written += samples
            position = speaker.position
            error = form.samples(getattr(speaker, "position_error", 0.0) + carrier.delay + 0.05)
            promise(
                last <= position <= written, call._wire, f"moved its position from {last} to {position} of {written}"
            )
            more = f"counts {position} samples as heard when {carrier.position} had been played, on a line with {line}"
            promise(position <= carrier.position + error, call._wire, more)
            last = position
            await trio.sleep_until(start + form.seconds(written) - lead)
        await trio.sleep(1.5)
        promise(carrier.position >= written, call._wire, f"played {carrier.position} of {written} samples")
        played = b"".join(pcm for _, pcm in carrier.played).rstrip(form.silence(1))
        promise(
            played == _tone(call, 0, total), call._wire, "must play the written sound once, completely and in order"
        )
        promise(
            speaker.position == written,
            call._wire,
            f"counts {speaker.position} of {written} samples as heard in the end",
        )


async def _is_cut(dialect: Dialect) -> None:
    async with _called(dialect) as (call, carrier), call.sink.open() as speaker:
        form = call.sink.format
        with trio.move_on_after(1.0):
            at, start = 0, trio.current_time()
            while True:
                await speaker.write(AudioFrame(_tone(call, at, form.samples(0.02)), at, form))
                at += form.samples(0.02)
                await trio.sleep_until(start + form.seconds(at) - call.sink.lead)
        speaker.discard()
        before, position = carrier.position, speaker.position
        await trio.sleep(1.0)
        promise(speaker.position == position, call._wire, "moved its position after a cut")
        after = form.seconds(carrier.position - before)
        most = 0.05 if "clear" in call._wire.can else call.sink.lead + 0.05
        promise(after <= most, call._wire, f"played {after:.3g} s after a cut, expected at most {most:.3g}")


def _refuses_garbage(dialect: Dialect) -> None:
    roll, wire = random.Random(1), dialect.wire()
    begun = list(dialect.peer().begin())
    in_bytes = bool(begun) and all(isinstance(message, bytes) for message in begun)  # a binary wire
    known: list[Any] = begun if in_bytes else [it for it in begun if isinstance(it, str)] or ["{}"]
    strange: list[Any] = ["", "{", "[]", "null", "7", '"x"', b"", b"\0", b"\xff" * 33, "{}", "x" * 1000, "[" * 5000]
    for _ in range(GARBAGE):
        message = roll.choice(known)
        strange.append(message[: roll.randrange(len(message))])
        with suppress(ValueError, AttributeError, IndexError, TypeError):
            value = json.loads(message)
            value[roll.choice(list(value))] = roll.choice([None, [], {}, 7, "", "\ud800", 1e400])
            strange.append(json.dumps(value))
    if in_bytes:
        strange = [it.encode(errors="surrogatepass") if isinstance(it, str) else it for it in strange]
    for message in strange:
        wire = dialect.wire()
        for opening in dialect.peer().begin() if roll.random() < 0.5 else ():
            wire.receive(opening)
        with suppress(RemoteProtocolError):
            try:
                wire.receive(message)
            except RemoteProtocolError:
                raise
            except Exception as error:
                raise AssertionError(f"{dialect.wire().name}: raised {error!r} for {message[:60]!r}") from error


async def _ends(dialect: Dialect) -> None:
    async def ends_with(reason: set[EndReason], act: Any) -> None:
        async with _called(dialect, delay=0.02) as (call, carrier):
            await trio.sleep(0.2)
            act(call, carrier)
            await trio.sleep(SOON)
            got = None if call.end is None else call.end.reason
            expected = " or ".join(sorted(reason))
            promise(got in reason, call._wire, f"must end with {expected} within {SOON:g} s, ended with {got}")

    await ends_with({EndReason.CALLER}, lambda call, carrier: carrier.hang_up())
    await ends_with({EndReason.LOST, EndReason.CALLER}, lambda call, carrier: carrier.vanish(1006))
    await ends_with({EndReason.BOT}, lambda call, carrier: call.hang_up())
    await ends_with({EndReason.LIMIT}, lambda call, carrier: call.finish(CallEnd(EndReason.LIMIT)))
    if "digits" not in dialect.wire().can:
        with suppress(ConfigError):
            dialect.wire().digits("1")
            raise AssertionError(f"{dialect.wire().name}: must raise ConfigError for keys that it can't send")


async def _does_not_start(dialect: Dialect) -> None:
    """Check that a connection on which no message comes is closed in time."""
    carrier = carrier_of(PhoneLine(transport=dialect, delay=0.0), dialect)
    stream = ClosedOnce(carrier.stream)
    with suppress(Unavailable):
        async with open_call(stream, dialect.wire(), start_timeout=1.0):
            raise AssertionError(f"{dialect.wire().name}: began a call before it received a message")
    promise(stream.closed == 1, dialect.wire(), "must have its connection closed if no call starts on it")


class CalledSink:
    """A call's sink that can be opened repeatedly: opening it begins a call, and closing it ends the call."""

    def __init__(self, dialect: Dialect, **line: Any) -> None:
        wire = dialect.wire()
        self.name = wire.name
        self.format = dialect.format
        self.pausable = False
        self.lead = wire.lead
        self._call = partial(_called, dialect, **line)

    @asynccontextmanager
    async def open(self) -> AsyncIterator[Any]:
        async with self._call() as (call, _), call.sink.open() as speaker:
            try:
                yield speaker
            finally:
                call.hang_up()
