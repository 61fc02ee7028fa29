"""Where the service is and who we are to it: OPENAI_BASE_URL and OPENAI_API_KEY, unless told otherwise."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

import msgspec

from voicekit.errors import ConfigError
from voicekit.llm.model import Request, Secret, checked_url

BASE_URL = "https://api.openai.com/v1"
KEY_VARIABLE = "OPENAI_API_KEY"
URL_VARIABLE = "OPENAI_BASE_URL"


class Access:
    """An endpoint and the key to it. Only OpenAI's own needs one: servers of one's own mostly ask for none."""

    def __init__(
        self, base_url: str | None = None, key: str | None = None, environ: Mapping[str, str] = os.environ
    ) -> None:
        self.base_url = checked_url(base_url or environ.get(URL_VARIABLE) or BASE_URL, "openai")
        secret = key or environ.get(KEY_VARIABLE)
        if not secret and self.base_url == BASE_URL:
            raise ConfigError(f"no OpenAI key: set {KEY_VARIABLE}, or give api_key")
        self._secret = Secret(secret, "OpenAI") if secret else None

    def request(self, url: str, body: Mapping[str, Any]) -> Request:
        """A request with the key; fields of `body` that are None are left out."""
        headers = {} if self._secret is None else {"authorization": f"Bearer {self._secret.value}"}
        return Request(
            url, headers, msgspec.json.encode({name: value for name, value in body.items() if value is not None})
        )

    def redact(self, text: str) -> str:
        return text if self._secret is None else self._secret.redact(text)
