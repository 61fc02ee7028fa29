"""One account of the REST role, driven by hand: requests in, answers and effects out."""

from __future__ import annotations

import json
from itertools import count
from typing import Any

from voicekit.soniox.server.account import Account
from voicekit.soniox.server.rest.server import Effect, RestExchange, RestRequest, RestServer

KEY = "secret"
AUDIO = b"not really sound"


class Rig:
    """A server, and what the last request led to."""

    def __init__(self, account: Account | None = None, **options: Any) -> None:
        numbers = count(1)
        self.server = RestServer(account or Account([KEY]), mint=lambda: f"{next(numbers)}", **options)
        self.effects: list[Effect] = []
        self.now = 0.0

    def begin(self, method: str, target: str, key: str | None = KEY, **headers: str) -> RestExchange:
        said = {name.replace("_", "-"): value for name, value in headers.items()}
        if key is not None:
            said["authorization"] = f"Bearer {key}"
        return self.server.begin(RestRequest(method, target, said), self.now)

    def exchange(
        self, method: str, target: str, body: Any = b"", key: str | None = KEY, **headers: str
    ) -> RestExchange:
        """A whole request; `self.effects` are all that it led to."""
        exchange = self.begin(method, target, key, **headers)
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.effects = exchange.receive(data, self.now) if data else []
        self.effects += exchange.end(self.now)
        return exchange

    def ask(self, method: str, target: str, body: Any = b"", key: str | None = KEY, **headers: str) -> tuple[int, Any]:
        """The status and the JSON of the answer to a whole request."""
        answer = self.exchange(method, target, body, key, **headers).answer
        assert answer is not None
        return answer.status, json.loads(answer.body) if answer.body else None

    def upload(
        self, target: str = "/v1/files", data: bytes = AUDIO, filename: str = "a.wav", **fields: str
    ) -> tuple[int, Any]:
        """The answer to an upload of `data`."""
        return self.ask("POST", target, form(data, filename, **fields), content_type=FORM)

    def transcription(self, **options: Any) -> str:
        """The id of a new transcription."""
        status, made = self.ask(
            "POST", "/v1/transcriptions", {"model": "stt-async-v5", "audio_url": "https://x.test/a.wav", **options}
        )
        assert status == 201, made
        return str(made["id"])


FORM = "multipart/form-data; boundary=B"


def form(data: bytes, filename: str, **fields: str) -> bytes:
    """A form with a file and some fields."""
    parts = [f'--B\r\nContent-Disposition: form-data; name="{key}"\r\n\r\n{value}\r\n' for key, value in fields.items()]
    head = f'--B\r\nContent-Disposition: form-data; name="file"; filename="{filename}"\r\n\r\n'
    return "".join([*parts, head]).encode() + data + b"\r\n--B--\r\n"
