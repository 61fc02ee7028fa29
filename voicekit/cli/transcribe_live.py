"""`voicekit transcribe --live`: streams a local file to the realtime service and prints the words as they arrive."""

from __future__ import annotations

import argparse
import sys
from typing import Any, Final, TextIO

import trio

from voicekit.audio.format import AudioFormat
from voicekit.cli.cloud import FAILED
from voicekit.cli.terminal import DIM, StatusLine, coloured, columns, complain
from voicekit.errors import ConfigError, ProtocolError, ServiceError
from voicekit.events import Endpoint, Interim, Word, joined
from voicekit.events import Final as FinalWords
from voicekit.flow import Pipeline, open_link, pipeline
from voicekit.flow.groups import alone
from voicekit.flow.sound import resample
from voicekit.listen.file_source import FileSource
from voicekit.soniox import Endpoints, SonioxStt, SttConfig
from voicekit.soniox.rest.http.rest_limits import ASYNC_MODEL
from voicekit.soniox.rest.schema.as_json import as_json

HEARD: Final = AudioFormat(16_000)
SILENCE_S: Final = 0.5  # seconds of silence added after the file, so that its last word is not cut off
EVENTS: Final = 256


def hear(options: argparse.Namespace) -> int:
    """Print each utterance in the file as soon as it is complete and, on a terminal, also the words that may still
    change.
    """
    for name, given in (
        ("-o, --to", options.output or options.to),
        ("--format", options.format != "text"),
        ("--translate", options.translate),
        ("several sources", len(options.sources) > 1),
    ):
        if given:
            raise ConfigError(f"--live: expected one local file, and text or --json as the output format, got {name}")
    config = SttConfig(
        model=None if options.model == ASYNC_MODEL else options.model,
        language_hints=tuple(options.language) if options.language else None,
        language_hints_strict=options.strict or None,
        enable_speaker_diarization=options.speakers or None,
        context=options.context,
        enable_endpoint_detection=True,
    )
    stt = SonioxStt(config, endpoints=Endpoints.find(options.region))
    stt.negotiate(HEARD)
    source = FileSource(options.sources[0], paced=True, trailing_silence=SILENCE_S)
    page = Page(json=options.json)
    try:
        with alone():
            trio.run(_play, pipeline(source, resample(HEARD), stt), page)
    except (ServiceError, ProtocolError) as error:
        page.clear()
        complain(str(error))
        return FAILED
    finally:
        page.close()
    return 0


class Page:
    """Prints utterances line by line. In JSON, each utterance is one line, with the times of its words in seconds."""

    def __init__(self, *, json: bool, out: TextIO | None = None) -> None:
        self._bar = StatusLine(sys.stdout if out is None else out)
        self._json = json
        self._words: tuple[Word, ...] = ()

    def note(self, event: object) -> None:
        if isinstance(event, FinalWords):
            self._words += event.words
            self._show(())
        elif isinstance(event, Interim):
            self._show(event.words)
        elif isinstance(event, Endpoint):
            self._end()

    def close(self) -> None:
        """Print the final words that arrived after the last endpoint."""
        self._end()

    def clear(self) -> None:
        self._show(())

    def _show(self, tail: tuple[Word, ...]) -> None:
        """Show the words that may still change, unless the output is JSON."""
        text = "" if self._json else joined(self._words + tail)[1 - columns() :]
        self._bar.draw(coloured(text, DIM) if text else "")

    def _end(self) -> None:
        words, self._words = self._words, ()
        if words:
            self._bar.line(as_json(_plain(words), indent=0) if self._json else _spoken(words))


def _spoken(words: tuple[Word, ...]) -> str:
    """The text of an utterance, with its speakers if they are distinguished."""
    parts: list[str] = []
    speaker: str | None = None
    for word in words:
        if word.speaker is not None and word.speaker != speaker:
            parts.append(f"{'  ' if parts else ''}[{word.speaker}]")
            speaker = word.speaker
        parts.append(word.text)
    return "".join(parts).strip()


def _plain(words: tuple[Word, ...]) -> dict[str, Any]:
    return {
        "text": joined(words),
        "words": [
            {"text": word.text.strip(), "start": word.start / HEARD.rate, "end": word.end / HEARD.rate,
             "speaker": word.speaker}
            for word in words
        ],
    }  # fmt: skip


async def _play(hearing: Pipeline, page: Page) -> None:
    said, saying = open_link(EVENTS)
    nothing, silent = open_link(1)
    nothing.close()
    async with hearing.open() as run:
        with saying, silent, alone():
            async with trio.open_nursery() as nursery:
                nursery.start_soon(_run, run, silent, said)
                async for event in saying:
                    page.note(event)


async def _run(run: Any, inbox: Any, outbox: Any) -> None:
    with outbox:
        await run(inbox, outbox)
