"""The handlers under test: both of OpenAI's wires."""

from __future__ import annotations

from typing import Any

import pytest

from tests.counts import count
from tests.llm_kit import KEY
from tests.llm_wire_checks import Make
from voicekit.llm import LanguageModel
from voicekit_openai.models import openai


@pytest.fixture(params=["chat", "responses"])
def make(request: pytest.FixtureRequest) -> Make:
    def handler(url: str, **options: Any) -> LanguageModel:
        return openai(model="stand-in", api=request.param, api_key=KEY, base_url=f"{url}/v1", **options)

    return handler


@pytest.fixture
def cancellations() -> int:
    return count(500)
