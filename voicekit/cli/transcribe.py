"""`voicekit transcribe`: turns files and URLs into text, JSON or subtitles, several at a time, or one file live."""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import trio

from voicekit.cli.cloud import FAILED, ProgressBar, parser_of, with_client
from voicekit.cli.terminal import complain
from voicekit.errors import ConfigError, VoicekitError
from voicekit.flow.groups import alone
from voicekit.soniox import Translation
from voicekit.soniox.rest import SonioxClient, Transcription, TranscriptionRequest, TranscriptText, TranscriptToken
from voicekit.soniox.rest.http.atomic_file import check_writable, written
from voicekit.soniox.rest.http.rest_limits import ASYNC_MODEL
from voicekit.soniox.rest.schema.as_json import as_json
from voicekit.soniox.rest.schema.requests import NO_FILE, check
from voicekit.soniox.rest.subtitles.subtitles import captions, readable, srt, vtt

HELP = "transcribe sound files, local or from a URL"
SUFFIXES: Final = {"text": ".txt", "json": ".json", "srt": ".srt", "vtt": ".vtt"}
AT_ONCE: Final = 4  # the maximum number of simultaneous uploads: more would not be faster on one internet connection
UPLOADED: Final = 0.5  # a finished upload counts as this share of a file's progress
STEPS: Final = {"queued": 0.55, "processing": 0.7, "completed": 0.95}


def main(arguments: Sequence[str]) -> int:
    """Transcribe all sources. Returns 1 if any failed; the results of the others are kept."""
    options = _parser().parse_args(arguments)
    form = "json" if options.json else options.format
    if options.live:
        from voicekit.cli.transcribe_live import hear

        return hear(options)
    request = _request(options)
    jobs = _jobs(options, form)
    return with_client(options.region, lambda soniox: _All(soniox, request, options, form, len(jobs)).run(jobs))


def _parser() -> argparse.ArgumentParser:
    parser = parser_of("transcribe", HELP)
    parser.add_argument("sources", nargs="+", metavar="FILE|URL", help="sound files, or their URLs")
    parser.add_argument(
        "-f", "--format", choices=SUFFIXES, default="text", help="format of the transcript (%(default)s)"
    )
    where = parser.add_mutually_exclusive_group()
    where.add_argument(
        "-o",
        "--output",
        metavar="FILE",
        help="file for the transcript of a single source (default: standard output)",
    )
    where.add_argument("--to", metavar="FOLDER", help="folder for the transcripts, each named after its source")
    parser.add_argument(
        "--language", action="append", metavar="CODE", help="language spoken in the recording; may be repeated"
    )
    parser.add_argument("--strict", action="store_true", help="recognise only the languages given with --language")
    parser.add_argument("--speakers", action="store_true", help="label the words with their speakers")
    parser.add_argument("--translate", metavar="CODE", help="output a translation into this language")
    parser.add_argument(
        "--context", metavar="TEXT", help="facts about the recording, such as its topic, names and words to expect"
    )
    parser.add_argument("--model", default=ASYNC_MODEL, metavar="ID", help="model to use (%(default)s)")
    parser.add_argument(
        "--at-once",
        type=int,
        default=AT_ONCE,
        metavar="N",
        help="number of files to transcribe in parallel (%(default)s)",
    )
    parser.add_argument(
        "--keep", action="store_true", help="do not delete the files and transcriptions from Soniox afterwards"
    )
    parser.add_argument("--live", action="store_true", help="use the realtime service instead, with one local file")
    return parser


def _request(options: argparse.Namespace) -> TranscriptionRequest:
    target = options.translate
    request = TranscriptionRequest(
        model=options.model,
        language_hints=tuple(options.language) if options.language else None,
        language_hints_strict=options.strict or None,
        enable_speaker_diarization=options.speakers or None,
        translation=None if target is None else Translation(type="one_way", target_language=target),
        context=options.context,
        file_id=NO_FILE,
    )
    check(request)
    return request


@dataclass(frozen=True, slots=True)
class _Job:
    """One source, its name, and where its result goes; None is standard output."""

    number: int
    source: str
    name: str
    target: Path | None

    @property
    def is_url(self) -> bool:
        return self.source.startswith(("http://", "https://"))


def _jobs(options: argparse.Namespace, form: str) -> list[_Job]:
    """The jobs to do. Raises ConfigError if they can't all be done."""
    if options.output and len(options.sources) > 1:
        raise ConfigError("--output: expected one source; use --to FOLDER for several")
    if options.at_once < 1:
        raise ConfigError(f"--at-once: expected at least 1, got {options.at_once}")
    folder = None if options.to is None else Path(options.to)
    if folder is not None and not folder.is_dir():
        raise ConfigError(f"--to: expected a folder that exists, got {folder}")
    jobs = []
    for number, source in enumerate(options.sources):
        name = Path(urlsplit(source).path if "://" in source else source).name or source
        target = Path(options.output) if options.output else None
        if folder is not None:
            target = folder / Path(name).with_suffix(SUFFIXES[form])
        jobs.append(_Job(number, source, name, target))
    twice = [target for target, count in Counter(job.target for job in jobs).items() if target and count > 1]
    if twice:
        raise ConfigError(
            f"--to: expected a different result file for each source, but several would be written to {twice[0]}"
        )
    for job in jobs:
        if job.target is not None:
            check_writable(job.target)  # checked before anything is sent and billed
    return jobs


class _All:
    """Transcribes several sources, some at the same time; if one fails, the others continue."""

    def __init__(
        self, soniox: SonioxClient, request: TranscriptionRequest, options: argparse.Namespace, form: str, total: int
    ) -> None:
        self._soniox = soniox
        self._request = request
        self._options = options
        self._form = form
        self._bar = ProgressBar(total)
        self._results: dict[int, TranscriptText | VoicekitError] = {}
        self._written: set[int] = set()
        self._failed = False

    async def run(self, jobs: Sequence[_Job]) -> int:
        some = trio.CapacityLimiter(self._options.at_once)
        try:
            with alone():
                async with trio.open_nursery() as nursery:
                    for job in jobs:
                        nursery.start_soon(self._one, job, some)
        finally:  # results are printed even after an interruption: they were billed, and exist nowhere else
            self._bar.clear()
            self._print([job for job in jobs if self._is_printed(job)])
        return FAILED if self._failed else 0

    async def _one(self, job: _Job, some: trio.CapacityLimiter) -> None:
        async with some:
            try:
                self._results[job.number] = transcript = await self._transcribed(job)
                if job.target is not None:
                    await self._write(job.target, self._formatted(job, transcript))
                    self._written.add(job.number)
                    self._bar.line(f"{job.source} -> {job.target}")
            except VoicekitError as error:
                self._failed = True
                self._results.setdefault(job.number, error)
                self._bar.clear()
                notes = "; ".join(getattr(error, "__notes__", ()))
                complain(f"{job.source}: {error}{notes and f' ({notes})'}")
            self._bar.done(job.number, job.name)

    async def _write(self, target: Path, text: str) -> None:
        try:
            async with written(target) as file:
                file.write(text.encode())
        except VoicekitError as error:
            error.add_note("the result is printed instead")
            raise

    def _is_printed(self, job: _Job) -> bool:
        """Whether a result goes to standard output: by request, or because its file could not be written."""
        result = self._results.get(job.number)
        if job.target is None:
            return result is not None
        return isinstance(result, TranscriptText) and job.number not in self._written

    async def _transcribed(self, job: _Job) -> TranscriptText:
        def uploaded(sent: int, size: int | None) -> None:
            part = sent / size if size else UPLOADED
            self._bar.note(job.number, UPLOADED * part, f"{job.name}: uploading {100 * part:.0f} %")

        def moved(now: Transcription) -> None:
            self._bar.note(job.number, STEPS.get(now.status, 1.0), f"{job.name}: {now.status}")

        return await self._soniox.transcriptions.of(
            job.source if job.is_url else Path(job.source),
            self._request,
            uploaded=uploaded,
            progress=moved,
            keep=self._options.keep,
        )

    def _formatted(self, job: _Job, transcript: TranscriptText) -> str:
        translated = self._options.translate is not None
        tokens = transcript.tokens
        if self._form == "json":
            return as_json(_plain(job, transcript)) + "\n"
        if self._form == "text":
            return (readable(tokens, translated=translated) or transcript.text) + "\n"
        return (srt if self._form == "srt" else vtt)(captions(tokens, translated=translated))

    def _print(self, jobs: Sequence[_Job]) -> None:
        """Print what goes to standard output, in the order of the sources; several results get headings, or form a
        list.
        """
        results = [(job, self._results[job.number]) for job in jobs]
        if self._form == "json" and len(jobs) > 1:
            print(as_json([_plain(job, result) for job, result in results]))
            return
        for job, result in results:
            if isinstance(result, TranscriptText):
                heading = f"==> {job.source} <==\n" if len(jobs) > 1 else ""
                sys.stdout.write(f"{heading}{self._formatted(job, result)}")
                if heading:
                    sys.stdout.write("\n")


def _plain(job: _Job, result: TranscriptText | VoicekitError) -> dict[str, Any]:
    if isinstance(result, VoicekitError):
        return {"source": job.source, "error": str(result), "error_type": getattr(result, "error_type", None)}
    return {"source": job.source, "text": result.text, "tokens": [_said(token) for token in result.tokens]}


def _said(token: TranscriptToken) -> dict[str, Any]:
    """A token without unknown fields."""
    return {name: value for name in token.__struct_fields__ if (value := getattr(token, name)) is not None}
