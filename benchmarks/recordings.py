"""Recordings of real people through `voicekit run` and the local server: `python -m benchmarks.recordings [--count N]`.

Each recording is a separate call: an ordinary `voicekit run` plays it in real time, with one local server for all
calls. The recognised words are compared with the known text. This prints the word error rate, the time from the last
audible sample to the last final word, and the server's CPU time for a second of speech, pinned to one core.

8 kHz: prompts of a telephone system, read by one voice (Debian: asterisk-core-sounds-en-wav, asterisk-core-sounds-en;
some of the sentences). 16 kHz: tests/data/speech, several voices: sentences of a novel, cards, commands.
"""

from __future__ import annotations

import argparse
import gzip
import json
import os
import re
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import soundfile
import trio

from benchmarks.measure import percentile
from voicekit.session.eventlog import log_lines
from voicekit.soniox.api.region import KEY_VARIABLE, URL_VARIABLES
from voicekit.soniox.local import COMMAND, SpeechService, local_server

SPEECH = Path(__file__).parents[1] / "tests" / "data" / "speech"
PROMPTS = Path("/usr/share/asterisk/sounds/en")
TRANSCRIPTS = Path("/usr/share/doc/asterisk-core-sounds-en/core-sounds-en.txt.gz")

COUNT = 40
WORDS = 4
"""A prompt with fewer words is a fragment, such as "at" or "press five"."""
LONGEST_S = 12.0
AFTER_S = 2.0
"""Seconds of silence after each recording: a caller does not hang up with the last word."""

SILENT_BOT = "def handler(turn):\n    return None\n"
ASKED = re.compile(r"^ *[\d.]+ {2}you {2}(.*)$", re.MULTILINE)
FINAL = re.compile(r"^ *([\d.]+) final ", re.MULTILINE)
LAST_SOUND = re.compile(r"^ *([\d.]+) reply \d+ trace: user ([\d.]+)$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Recording:
    """A sound file, the words spoken in it, its rate, and its length in seconds."""

    path: Path
    said: str
    rate: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Heard:
    """The result for a recording: the recognised words, and how long after the last audible sample they were final."""

    recording: Recording
    text: str
    final_after: float


def recordings(count: int) -> list[Recording]:
    """`count` recordings: the project's own, and then telephone prompts, if they are installed."""
    own = json.loads((SPEECH / "labels.json").read_text(encoding="utf-8"))
    found = [_recording(SPEECH / f"{name}.flac", label["text"]) for name, label in own.items()]
    prompts = list(_prompts())
    wanted = max(0, count - len(found))
    return found[:count] + prompts[:: max(1, len(prompts) // max(1, wanted))][:wanted]


def _prompts() -> Iterator[Recording]:
    if not TRANSCRIPTS.exists():
        return
    for line in gzip.decompress(TRANSCRIPTS.read_bytes()).decode(errors="replace").splitlines():
        name, _, text = line.partition(": ")
        path = PROMPTS / f"{name}.wav"
        if path.is_file() and len(text.split()) >= WORDS and not re.search(r"[\[(<]|\.\.\.", text):
            found = _recording(path, text.strip())
            if found.seconds <= LONGEST_S:
                yield found


def _recording(path: Path, said: str) -> Recording:
    info = soundfile.info(path)
    return Recording(path, said, info.samplerate, info.duration)


async def hear(recording: Recording, service: SpeechService, folder: Path) -> Heard:
    """Hold one call with a recording."""
    addresses = {variable: getattr(service.endpoints, name) for name, variable in URL_VARIABLES.items()}
    call, bot = folder / recording.path.stem, folder / "bot.py"
    bot.write_text(SILENT_BOT, encoding="utf-8")
    done = await trio.run_process(
        [
            *(sys.executable, "-m", "voicekit", "run", bot, "--record", call),
            *("--source", f"file:{recording.path},trailing_silence={AFTER_S}"),
        ],
        env={**os.environ, **addresses, KEY_VARIABLE: service.key},
        capture_stdout=True,
    )
    text = " ".join(ASKED.findall(done.stdout.decode())).replace("(", "").replace(")", "")
    return Heard(recording, text, _final_after("\n".join(log_lines(call / "events.jsonl"))))


def _final_after(log: str) -> float:
    """The seconds from the last audible sample to the last final word; NaN if no words were recognised."""
    sounds, finals = LAST_SOUND.findall(log), FINAL.findall(log)
    if not sounds or not finals:
        return float("nan")
    at, age = map(float, sounds[-1])
    return float(finals[-1]) - (at - age)


def processor_seconds() -> Callable[[], float]:
    """A function that returns the CPU time of our latest local server, in all its threads; 0 if there is no /proc."""
    ours, started = str(os.getpid()), []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):  # the process has ended since it was listed
            _, parent, *fields = _after_the_name(stat)
            if parent == ours and COMMAND in (stat.parent / "cmdline").read_text(errors="replace"):
                started.append((int(fields[17]), stat))
    if not started:
        return lambda: 0.0
    _, newest = max(started)
    return lambda: sum(map(int, _after_the_name(newest)[11:13])) / os.sysconf("SC_CLK_TCK")


def _after_the_name(stat: Path) -> list[str]:
    """The fields of /proc/PID/stat after the program's name, which may contain spaces: state, parent, and so on."""
    return stat.read_text(errors="replace").rpartition(")")[2].split()


async def hear_all(wanted: Sequence[Recording], folder: Path) -> tuple[list[Heard], float]:
    """Hear all recordings, one after the other. Also returns the server's CPU time per second of sound."""
    pinned = ("taskset", "--cpu-list", "0") if shutil.which("taskset") else ()
    command = [*pinned, sys.executable, "-m", "voicekit", COMMAND, "--embedded"]
    heard = []
    async with local_server(command, _tell) as service:
        spent = processor_seconds()
        before = spent()
        for number, recording in enumerate(wanted, start=1):
            heard.append(await hear(recording, service, folder))
            _tell(f"{number} of {len(wanted)}: {heard[-1].text}")
        cost = spent() - before
    return heard, cost / sum(recording.seconds for recording in wanted)


def report(heard: Sequence[Heard], real_time_factor: float) -> str:
    from voicekit_local.wer import total_errors

    lines = ["                    recordings   words   wrong   word error rate   final after the last sound, ms"]
    for name, rates in (("8 kHz", (8_000,)), ("16 kHz", (16_000,)), ("all", (8_000, 16_000))):
        those = [each for each in heard if each.recording.rate in rates]
        if those:
            errors = total_errors((each.recording.said, each.text) for each in those)
            after = sorted(each.final_after * 1000 for each in those if each.final_after == each.final_after)
            times = (after[0], percentile(after, 50), percentile(after, 99)) if after else (float("nan"),) * 3
            shown = "min {:.0f}, median {:.0f}, p99 {:.0f}".format(*times)
            lines.append(
                f"{name:18}{len(those):12}{errors.words:8}{errors.wrong:8}{errors.rate:17.1%}   {shown}"
            )  # fmt: skip
    spoken = sum(each.recording.seconds for each in heard)
    lines.append(f"real-time factor on one core: {real_time_factor:.3f} (of {spoken:.0f} s, the pauses included)")
    return "\n".join(lines)


def _tell(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.recordings", description=__doc__)
    parser.add_argument("--count", type=int, default=COUNT, help=f"number of recordings ({COUNT})")
    parser.add_argument("--wrong", action="store_true", help="also print the words that were misrecognised")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        heard, real_time_factor = trio.run(hear_all, recordings(options.count), Path(folder))
    if options.wrong:
        from voicekit_local.wer import word_errors

        for each in heard:
            if word_errors(each.recording.said, each.text).wrong:
                print(f"said:  {each.recording.said}\nheard: {each.text}\n")
    print(report(heard, real_time_factor))


if __name__ == "__main__":
    main()
