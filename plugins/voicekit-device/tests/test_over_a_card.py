"""The real thing over a virtual sound card: PulseAudio with a pipe for a microphone and nothing for a speaker.

What is written into the pipe is what the microphone hears; what the speaker plays is recorded from its monitor. The
parts run in a process of their own (`at_the_card.py`, or `voicekit talk`), because PortAudio reads its surroundings
once. Times of both processes are those of the one monotonic clock. On a machine that does not keep time, card and
recorder lose sound; then only what is never lost is judged: order, and what was said of the losses.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import numpy
import pytest
import soundfile
import soxr
import trio

from tests.machine import Machine
from voicekit.testing import Script
from voicekit.testing.soniox import SonioxPeer, spoken

pytestmark = [
    pytest.mark.slow,
    pytest.mark.needs_debian("pulseaudio", "pulseaudio"),
    pytest.mark.needs_debian("pulseaudio-utils", "parec"),
    pytest.mark.needs_debian("libasound2-plugins", "/usr/share/alsa/alsa.conf.d/50-pulseaudio.conf"),
    pytest.mark.needs_debian("libportaudio2", "/usr/share/doc/libportaudio2"),
]

ROOT = Path(__file__).parents[3]
SPEECH = ROOT / "tests" / "data" / "speech"
PROGRAM = Path(__file__).with_name("at_the_card.py")
EAR, MOUTH = 16_000, 24_000
CHUNK = 320
ENOUGH = 200.0
"""Seconds after which a test gives up, on a machine that has much else to do."""
LATE_S = 0.01
"""A machine that is later than this does not keep time; the card's blocks are 0.02 s long."""
SOUND_CARD = [
    ["module-null-sink", "sink_name=spk", f"rate={MOUTH}", "channels=1"],
    ["module-pipe-source", "source_name=virtmic", "file={fifo}", "format=s16le", f"rate={EAR}", "channels=1"],
]


class Card:
    """A PulseAudio of its own in `home`; `recorded` is what was played, with the time at which each piece came."""

    def __init__(self, home: Path) -> None:
        self.fifo = home / "mic.fifo"
        self.env = {
            **os.environ,
            "HOME": str(home),
            "XDG_RUNTIME_DIR": str(home),
            "PULSE_RUNTIME_PATH": f"{home}/pulse",
        }
        self.env |= {"PYTHONPATH": str(ROOT), "SONIOX_API_KEY": ""}
        self.recorded: list[tuple[float, bytes]] = []
        self._queue: list[bytes] = []

    def start(self) -> None:
        Path(self.env["HOME"], ".asoundrc").write_text("pcm.!default { type pulse }\nctl.!default { type pulse }\n")
        server = ["pulseaudio", "-n", "--daemonize=yes", "--exit-idle-time=-1", "--log-target=null"]
        self._run([*server, "--load=module-native-protocol-unix auth-anonymous=1"])
        self.plug_in()

    def stop(self) -> None:
        subprocess.run(["pulseaudio", "--kill"], env=self.env, check=False, capture_output=True, timeout=ENOUGH / 4)

    def plug_in(self) -> None:
        for module in SOUND_CARD:
            self._run(["pactl", "load-module", *(word.format(fifo=self.fifo) for word in module)])
        self._run(["pactl", "set-default-source", "virtmic"])
        self._run(["pactl", "set-default-sink", "spk"])

    def pull_out(self) -> None:
        for module in ("module-pipe-source", "module-null-sink"):
            self._run(["pactl", "unload-module", module])

    def into_the_microphone(self, pcm: bytes) -> None:
        """Speak `pcm` as soon as what was said before it is over."""
        self._queue += [pcm[start : start + 2 * CHUNK] for start in range(0, len(pcm), 2 * CHUNK)]

    @property
    def monitor(self) -> Any:
        return numpy.frombuffer(b"".join(pcm for _, pcm in self.recorded), "<i2")

    def heard_at(self, sample: int) -> float:
        """When that sample came from the monitor."""
        for came, pcm in self.recorded:
            if sample < len(pcm) // 2:
                return came - (len(pcm) // 2 - sample) / MOUTH
            sample -= len(pcm) // 2
        raise IndexError(sample)

    async def speak(self) -> None:
        """Write what is to be heard, and silence in between, at the pace of a microphone; also to a new pipe."""
        start, chunks = trio.current_time(), 0
        while True:
            try:
                pipe = trio.lowlevel.FdStream(os.open(self.fifo, os.O_WRONLY | os.O_NONBLOCK))
            except OSError:  # there is no pipe, or nobody reads it
                await trio.sleep(0.02)
                continue
            try:
                while True:
                    chunks = max(chunks + 1, int((trio.current_time() - start) * EAR / CHUNK) - 5)
                    await trio.sleep_until(start + chunks * CHUNK / EAR)
                    await pipe.send_all(self._queue.pop(0) if self._queue else bytes(2 * CHUNK))
            except trio.BrokenResourceError:
                await pipe.aclose()

    async def record(self, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Keep what is played, from a speaker that was put back too; ready with the first sound.

        Without a recorder, PulseAudio's null sink takes two seconds to begin.
        """
        recorder = ["parec", "-d", "spk.monitor", "--format=s16le", f"--rate={MOUTH}", "--channels=1"]
        while True:
            async with running([*recorder, "--latency-msec=5", "--raw"], self.env, subprocess.DEVNULL) as output:
                async for pcm in output:
                    self.recorded.append((time.perf_counter(), bytes(pcm)))
                    if len(self.recorded) == 1:
                        task_status.started()
            await trio.sleep(0.05)

    def _run(self, command: list[str]) -> None:
        subprocess.run(command, env=self.env, check=True, capture_output=True, timeout=ENOUGH / 4)


@asynccontextmanager
async def running(
    command: list[str], env: dict[str, str], stderr: int | None = None
) -> AsyncIterator[trio.abc.ReceiveStream]:
    """What `command` writes; it is killed where it outlives this."""
    async with trio.open_nursery() as nursery:
        run = partial(trio.run_process, command, env=env, stdout=subprocess.PIPE, stderr=stderr, check=False)
        process = await nursery.start(run)
        async with process.stdout:
            yield process.stdout
        nursery.cancel_scope.cancel()


@pytest.fixture
def card() -> Iterator[Card]:
    home = Path(tempfile.mkdtemp(prefix="vk-"))  # not tmp_path: the path of a socket must be short
    card = Card(home)
    try:
        card.start()
        yield card
    finally:
        card.stop()
        shutil.rmtree(home, ignore_errors=True)


@asynccontextmanager
async def in_use(card: Card) -> AsyncIterator[trio.Nursery]:
    """The card, with somebody before its microphone and a recorder at its speaker."""
    with trio.fail_after(ENOUGH):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(card.speak)
            with trio.fail_after(ENOUGH / 2):
                await nursery.start(card.record)
            yield nursery
            nursery.cancel_scope.cancel()


async def run_program(card: Card, *arguments: str, ready: Any = None) -> list[dict[str, Any]]:
    """What `at_the_card.py` said; `ready()` is called when its devices are open."""
    said: list[dict[str, Any]] = []
    command = [sys.executable, str(PROGRAM), *arguments]
    rest = b""
    async with running(command, card.env) as output:
        async for block in output:
            *lines, rest = (rest + block).split(b"\n")
            for line in map(json.loads, lines):
                if "ready" in line and ready is not None:
                    ready()
                said.append(line)
    return said


def recording(name: str, rate: int) -> Any:
    sound, recorded_rate = soundfile.read(SPEECH / f"{name}.flac", dtype="int16")
    return soxr.resample(sound, recorded_rate, rate).astype("<i2")


def found(needle: Any, hay: Any) -> tuple[int, float]:
    """Where `needle` is in `hay`, and how alike the two are there (1 is the same)."""
    size = 1 << (len(hay) + len(needle)).bit_length()
    spectrum = numpy.fft.rfft(hay.astype(float), size) * numpy.conj(numpy.fft.rfft(needle.astype(float), size))
    at = int(numpy.argmax(numpy.fft.irfft(spectrum, size)[: len(hay)]))
    piece = hay[at : at + len(needle)].astype(float)
    alike = numpy.dot(piece, needle[: len(piece)]) / (numpy.linalg.norm(piece) * numpy.linalg.norm(needle) + 1e-9)
    return at, float(alike)


def quantiles(values: Any) -> str:
    return "min {:.1f}, median {:.1f}, p99 {:.1f}, max {:.1f} ms".format(
        *(1_000 * float(numpy.quantile(values, share)) for share in (0, 0.5, 0.99, 1))
    )


async def test_what_is_said_into_the_microphone_comes_out_sample_for_sample(
    card: Card, tmp_path: Path, machine: Machine
) -> None:
    """A person's recording, spoken into the pipe, is in what the source says, bit by bit and without a Gap."""
    voice, heard = recording("austen-0880", EAR), tmp_path / "heard.pcm"
    async with in_use(card):
        said = await run_program(
            card, "listen", "4", str(heard), ready=lambda: card.into_the_microphone(voice.tobytes())
        )
    pcm = numpy.fromfile(heard, "<i2")
    at, alike = found(voice, pcm)
    calls = numpy.array(said[-1]["calls"])
    late = calls - calls[0] - numpy.arange(len(calls)) * 0.02
    print(f"\ncallbacks: {len(calls)}; lateness: {quantiles(late - late.min())}; alike: {alike:.6f}")
    assert not any(pcm[start : start + samples].any() for start, samples in said[-1]["gaps"])
    if machine.keeps_time(LATE_S):
        assert said[-1]["gaps"] == []
        assert alike > 0.999
        assert numpy.array_equal(pcm[at : at + len(voice)], voice)
        assert len(pcm) == pytest.approx(4 * EAR, rel=0.1)


async def test_what_is_played_is_on_the_monitor_and_the_position_tells_the_truth(
    card: Card, tmp_path: Path, machine: Machine
) -> None:
    """The monitor has the reply, stopped by a hold at the very sample; till then the position is within 60 ms of it."""
    voice, file = recording("austen-0880", MOUTH), tmp_path / "reply.pcm"
    file.write_bytes(voice.tobytes())
    async with in_use(card):
        said = await run_program(card, "play", str(file), "1.2")
        await trio.sleep(0.3)
    held = next(line["held"] for line in said if "held" in line)
    assert next(line["released"] for line in said if "released" in line) == held
    before, after = found(voice[:held], card.monitor), found(voice[held:], card.monitor)
    print(f"\nalike before the hold: {before[1]:.6f}, after it: {after[1]:.6f}")
    positions = [line["position"] for line in said if "position" in line]
    assert positions == sorted(positions)
    if not machine.keeps_time(LATE_S):
        return
    assert min(before[1], after[1]) > 0.99
    assert after[0] - before[0] - held == pytest.approx(MOUTH, abs=0.5 * MOUTH)  # the hold lasted a second
    began = card.heard_at(before[0])
    playing = [
        line for line in said if line.get("position", 0) not in (0, held, len(voice)) and line["position"] < held
    ]
    errors = numpy.array([line["position"] / MOUTH - (line["time"] - began) for line in playing])
    print(f"{len(playing)} positions; ahead of the monitor: {quantiles(errors)}")
    assert len(playing) > 15
    assert abs(float(numpy.median(errors))) < 0.06


async def test_a_card_that_is_pulled_out_and_put_back_goes_on(card: Card, tmp_path: Path, machine: Machine) -> None:
    """The microphone has a Gap for the time between and hears again; the speaker's position stands still, and rises."""
    voice, heard = recording("goforward", EAR), tmp_path / "heard.pcm"

    async def pull_out_and_back() -> None:
        await trio.sleep(1.0)
        await trio.to_thread.run_sync(card.pull_out)
        await trio.sleep(1.5)
        await trio.to_thread.run_sync(card.plug_in)
        await trio.sleep(2.0)
        card.into_the_microphone(voice.tobytes())

    async with in_use(card) as nursery:
        said = await run_program(card, "both", "8", str(heard), ready=lambda: nursery.start_soon(pull_out_and_back))
    troubles = [line["trouble"] for line in said if "trouble" in line]
    gaps = next(line["gaps"] for line in said if "gaps" in line)
    lost = sum(samples for _, samples in gaps) / EAR
    pcm = numpy.fromfile(heard, "<i2")
    looks = [line for line in said if "position" in line and "time" in line]
    positions = [line["position"] / MOUTH for line in looks]
    steps = numpy.diff(positions)
    print(f"\nlost {lost:.2f} s of {len(pcm) / EAR:.2f}; heard {positions[-1]:.2f} s; {troubles}")
    assert sorted(trouble.split(":")[0] for trouble in troubles) == ["microphone", "speaker"]
    assert (steps >= 0).all()
    still = max(map(len, "".join("x" if step == 0 else " " for step in steps).split()), default=0)
    if not machine.keeps_time(LATE_S):
        return
    assert still * 0.02 >= 1.0  # the position stood still while the card was away
    assert 1.0 <= lost <= 6.0
    assert found(voice, pcm)[1] > 0.99
    assert len(pcm) / EAR == pytest.approx(8, abs=1.0)
    # The position advances again.
    assert positions[-1] - positions[-50] == pytest.approx(looks[-1]["time"] - looks[-50]["time"], abs=0.3)
    assert positions[-1] >= numpy.count_nonzero(card.monitor) / MOUTH - 0.1  # the monitor recorded no more than that


async def test_half_duplex_hears_nothing_of_a_perfect_echo(card: Card, tmp_path: Path, machine: Machine) -> None:
    """Where the microphone is the speaker's own monitor, the guard lets no sample of it pass, and headphones all."""
    heard = {}
    card.env["PULSE_SOURCE"] = "spk.monitor"
    async with in_use(card):
        for verb in ("guard", "both"):
            await run_program(card, verb, "3", str(tmp_path / verb))
            heard[verb] = numpy.fromfile(tmp_path / verb, "<i2")
    assert not heard["guard"].any()
    assert heard["both"].any()
    if machine.keeps_time(LATE_S):
        assert len(heard["guard"]) == pytest.approx(3 * EAR, rel=0.1)
        assert numpy.count_nonzero(heard["both"]) > EAR


def test_the_commands_tell_the_devices(card: Card) -> None:
    """`voicekit devices` lists them, and `voicekit talk` with a name that none has says so before anything starts."""
    command = [sys.executable, "-m", "voicekit"]
    listed = subprocess.run(
        [*command, "devices"], env=card.env, capture_output=True, text=True, check=True, timeout=ENOUGH
    )
    assert any(line.split()[:3] == ["default", "microphone*", "speaker*"] for line in listed.stdout.splitlines())
    wrong = [*command, "talk", "--microphone", "radio"]
    refused = subprocess.run(wrong, env=card.env, capture_output=True, text=True, check=False, timeout=ENOUGH)
    assert refused.returncode == 2
    assert "voicekit: microphone: expected a device's name, or part of it; no name contains 'radio': " in refused.stderr
    assert "'default'" in refused.stderr


async def test_a_conversation_is_held_over_the_card(card: Card, tmp_path: Path, machine: Machine) -> None:
    """`voicekit talk` hears what is said into the microphone, and its answer is heard at the speaker, word by word."""
    bot = tmp_path / "bot.py"
    bot.write_text("async def bot(turn, say):\n    await say('Two teas coming.')\n    turn.end()\n", encoding="utf-8")
    script = Script()
    script.says("two cups of tea please", at=0.3, for_=1.6)
    peer = SonioxPeer(script)
    async with peer.serve() as there, in_use(card):
        card.env |= {"SONIOX_API_KEY": "sesame", "SONIOX_WS_URL": there.stt, "SONIOX_TTS_WS_URL": there.tts}
        command = [
            sys.executable,
            "-m",
            "voicekit",
            "talk",
            str(bot),
            "--microphone",
            "default",
            "--speaker",
            "default",
            "--policy",
            "turn.adviser=false",  # it would finalize in mid-word, because scripted sound is no speech
        ]
        printed = b""
        async with running(command, card.env) as output:
            async for block in output:
                if b"listening" in block:
                    card.into_the_microphone(script.pcm(0, 6 * EAR, EAR))
                printed += block
        await trio.sleep(0.3)
    assert len(peer.transcripts) == 1
    if not machine.keeps_time(LATE_S):
        return
    assert peer.transcripts == ["two cups of tea please"]
    _, *shown, summary = printed.decode().splitlines()
    assert summary.startswith("answered once, after ")
    lines = [line.split(maxsplit=1)[1] for line in shown]
    assert [re.sub(r"  \(\d\.\d\d s\)$", "", line) for line in lines] == [
        "you  two cups of tea please",
        "bot  Two teas coming.",
    ]
    sound = card.monitor
    reply = sound[numpy.flatnonzero(sound)[0] : numpy.flatnonzero(sound)[-1] + 1]
    assert spoken(reply.tobytes(), MOUTH) == "Two teas coming."
