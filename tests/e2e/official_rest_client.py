"""A program that uses the vendor's own client against a REST API, and prints what came back as JSON.

    python official_rest_client.py ADDRESS KEY FILE

It runs as a process of its own, as the client is made for another event loop.
"""

from __future__ import annotations

import json
import sys
from typing import Any

from soniox import SonioxClient
from soniox.errors import SonioxAPIError
from soniox.types import CreateTtsConfig

DAY = {"start_time": "2026-01-01T00:00:00Z", "end_time": "2026-02-01T00:00:00Z"}


def main(address: str, secret: str, path: str) -> None:
    client = _client(address, secret)
    file = client.files.upload(path)
    made = client.stt.create(file_id=file.id, model="stt-async-v5")
    client.stt.wait(made.id, interval_sec=0.1)
    transcript = client.stt.get_transcript(made.id)
    sound = client.tts.generate(
        text="Hello.", voice="Adrian", language="en", config=CreateTtsConfig(audio_format="pcm_s16le", sample_rate=8000)
    )
    client.stt.transcribe_and_wait(file=path, delete_after=True, wait_interval_sec=0.1)
    voice = client.voices.create(b"recording", name="Me", filename="me.wav")
    key = client.auth.create_temporary_api_key(usage_type="tts_rt", expires_in_seconds=60)
    usage = client.usage.summary(**DAY)
    said = {
        "file": [file.filename, file.size],
        "files": len(list(client.files.list_all(limit=1))),
        "status": client.stt.get(made.id).status,
        "text": transcript.text,
        "tokens": len(transcript.tokens),
        "models": [
            *(one.id for one in client.models.list().models),
            *(one.id for one in client.tts_models.list().models),
        ],
        "shared": [one.id for one in client.voices.list_all_shared("tts-rt-v2", limit=2)],
        "voice": [voice.name, voice.models[0].status],
        "key": key.api_key.startswith("snx_temp_"),
        "sound": len(sound) > 1000,
        "usage": len(list(client.usage_logs.list_all(start_time=DAY["start_time"], end_time=DAY["end_time"]))),
        "summary": usage.total.total_num_requests,
        "running": client.concurrency_limits.get().project.current.tts_concurrent,
        "history": len(
            client.concurrency_limits.history(
                start_time="2026-01-01T00:00:00Z", end_time="2026-01-02T00:00:00Z", period_sec=3600, kind="tts"
            ).entries
        ),
        "missing": _refused(lambda: client.files.get("none")),
        "invalid": _refused(lambda: client.stt.create(file_id=file.id, model="x" * 40)),
        "stranger": _refused(lambda: _client(address, "wrong").files.list()),
    }
    print(json.dumps(said))


def _refused(asking: Any) -> str:
    try:
        asking()
    except SonioxAPIError as error:
        return type(error).__name__
    return "not refused"


def _client(address: str, key: str) -> SonioxClient:
    return SonioxClient(api_key=key, api_base_url=f"{address}/v1", tts_api_base_url=address)


if __name__ == "__main__":
    main(*sys.argv[1:])
