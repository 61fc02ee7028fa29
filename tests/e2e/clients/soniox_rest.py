"""A program that uses the vendor's own client against a REST API with real ears and a real voice; prints JSON.

    python soniox_rest.py ADDRESS KEY FILE

FILE is a recording in any container. It runs as a process of its own, as the client blocks.
"""

from __future__ import annotations

import json
import sys
from typing import Any

from soniox import SonioxClient
from soniox.errors import SonioxAPIError
from soniox.types import CreateTranscriptionConfig, CreateTtsConfig

TEXT = "The early train leaves at nine, and the late one does not leave at all."


def main(address: str, secret: str, path: str) -> None:
    client = _client(address, secret)
    config = CreateTranscriptionConfig(enable_speaker_diarization=True, enable_language_identification=True)
    done = client.stt.transcribe_and_wait(file=path, wait_interval_sec=0.1, config=config)
    read = client.stt.get_transcript(done.id)
    client.stt.destroy(done.id)
    speech = {
        name: client.tts.generate(
            text=TEXT, voice="Maya", language="en", config=CreateTtsConfig(audio_format=name, sample_rate=24000)
        )
        for name in ("wav", "mp3", "flac", "pcm_s16le")
    }
    spoken = {
        name: client.stt.transcribe_and_wait_with_tokens(file=speech[name], filename=name, wait_interval_sec=0.1).text
        for name in ("wav", "mp3", "flac")
    }
    broken = client.stt.transcribe_and_wait(file=b"no sound at all" * 100, filename="no.wav", wait_interval_sec=0.1)
    temporary = client.auth.create_temporary_api_key(usage_type="tts_rt", expires_in_seconds=60)
    said = {
        "read": read.text,
        "duration_ms": done.audio_duration_ms,
        "tokens": [[token.text, token.start_ms, token.end_ms, token.speaker, token.language] for token in read.tokens],
        "seconds": len(speech["pcm_s16le"]) / 48_000,
        "spoken": spoken,
        "broken": [broken.status, broken.error_type],
        "files": len(list(client.files.list_all())),
        "models": [
            *(one.id for one in client.models.list().models),
            *(one.id for one in client.tts_models.list().models),
        ],
        "temporary": len(
            _client(address, temporary.api_key).tts.generate(
                text="Hm.",
                voice="Maya",
                language="en",
                config=CreateTtsConfig(audio_format="pcm_s16le", sample_rate=8000),
            )
        ),
        "aac": _refused(
            lambda: client.tts.generate(
                text=TEXT, voice="Maya", language="en", config=CreateTtsConfig(audio_format="aac")
            )
        ),
        "long": _refused(
            lambda: client.tts.generate(text="é " * 2000, voice="Maya", language="en", config=CreateTtsConfig())
        ),
        "stranger": _refused(lambda: _client(address, "wrong").files.list()),
    }
    print(json.dumps(said))


def _refused(asking: Any) -> str:
    try:
        asking()
    except SonioxAPIError as error:
        return str(error)
    return "not refused"


def _client(address: str, key: str) -> SonioxClient:
    return SonioxClient(api_key=key, api_base_url=f"{address}/v1", tts_api_base_url=address)


if __name__ == "__main__":
    main(*sys.argv[1:])
