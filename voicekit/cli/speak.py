"""`voicekit speak`: turns text, or a text file, into an audio file."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from voicekit.cli.cloud import ProgressBar, parser_of, with_client, write_json
from voicekit.cli.terminal import complain
from voicekit.errors import ConfigError
from voicekit.soniox.api import limits
from voicekit.soniox.rest import SonioxClient, SpeechRequest
from voicekit.soniox.rest.schema.requests import check

HELP = "turn text into a sound file"
FORMATS: Final = {
    ".wav": "wav", ".mp3": "mp3", ".flac": "flac", ".aac": "aac", ".opus": "opus", ".ogg": "opus",
    ".pcm": "pcm_s16le", ".raw": "pcm_s16le", ".ulaw": "pcm_mulaw", ".alaw": "pcm_alaw",
}  # fmt: skip
RATE: Final = 24_000  # the sample rate, in Hz, of formats without a header
# The maximum number of characters read from a file: a longer text can't be spoken in one request.
BYTES_OF_TEXT: Final = 6 * limits.TTS_TEXT_BYTES


def main(arguments: Sequence[str]) -> int:
    """Write the audio file. It does not appear until it is complete."""
    parser = parser_of("speak", HELP)
    parser.add_argument("text", metavar="TEXT|FILE", help="the text itself, a text file, or - for standard input")
    parser.add_argument(
        "-o", "--output", required=True, metavar="FILE", help=f"sound file to write: {', '.join(FORMATS)}"
    )
    parser.add_argument("--voice", default=limits.TTS_VOICE, metavar="NAME", help="voice to speak with (%(default)s)")
    parser.add_argument(
        "--language", default=limits.TTS_LANGUAGE, metavar="CODE", help="language of the text (%(default)s)"
    )
    parser.add_argument("--model", default=limits.TTS_MODEL, metavar="ID", help="model to use (%(default)s)")
    parser.add_argument("--rate", type=int, metavar="HZ", help="sample rate of the sound file")
    parser.add_argument("--bitrate", type=int, metavar="N", help="bits per second, for mp3, aac and opus")
    parser.add_argument("--speed", type=float, metavar="X", help="speaking speed, from 0.7 to 1.3")
    options = parser.parse_args(arguments)
    path = Path(options.output)
    audio_format = FORMATS.get(path.suffix.lower())
    if audio_format is None:
        raise ConfigError(f"{path}: expected a name that ends in one of {', '.join(FORMATS)}")
    raw = audio_format in limits.TTS_RAW_FORMATS
    request = SpeechRequest(
        text=_text(options.text),
        voice=options.voice,
        language=options.language,
        model=options.model,
        audio_format=audio_format,
        sample_rate=options.rate or (RATE if raw else None),
        bitrate=options.bitrate,
        speed=options.speed,
    )
    check(request)
    bar = ProgressBar(1)

    async def speak(soniox: SonioxClient) -> int:
        try:
            saved = await soniox.speech.save(request, path, progress=lambda got: bar.note(0, 0.5, f"{got:,} bytes"))
        finally:
            bar.clear()
        if saved.whole is None:
            complain(f"{path}: cannot verify that the sound is complete: this format does not record its length")
        if options.json:
            write_json({"file": str(path), "bytes": saved.size, "audio_format": audio_format, "whole": saved.whole})
        return 0

    return with_client(options.region, speak)


def _text(said: str) -> str:
    """The text to speak: the argument itself, a file's content, or standard input."""
    if said == "-":
        return sys.stdin.read(BYTES_OF_TEXT).strip()
    try:
        if len(said) < 4_096 and Path(said).is_file():
            with Path(said).open(encoding="utf-8") as file:
                return file.read(BYTES_OF_TEXT).strip()
    except UnicodeDecodeError as error:
        raise ConfigError(f"{said}: expected a text file in UTF-8: {error}") from error
    except (OSError, ValueError):
        return said  # the text is too long or too odd for a file name
    return said
