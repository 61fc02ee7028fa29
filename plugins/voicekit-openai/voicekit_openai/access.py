"""The address of the service and our key: OPENAI_BASE_URL and OPENAI_API_KEY, unless given as arguments."""

from __future__ import annotations

import os
from collections.abc import Mapping

from voicekit.llm.model import ModelEndpoint

BASE_URL = "https://api.openai.com/v1"


def endpoint(url: str | None = None, key: str | None = None, environ: Mapping[str, str] = os.environ) -> ModelEndpoint:
    """The endpoint at `url` with `key`; if either is not given, its value comes from `environ`. Most local servers need
    no key.
    """
    url, key = url or environ.get("OPENAI_BASE_URL"), key or environ.get("OPENAI_API_KEY")
    return ModelEndpoint.find("openai", BASE_URL, url, key, lambda key: {"authorization": f"Bearer {key}"})
