"""The handler under test."""

from __future__ import annotations

from typing import Any

import pytest

from tests.counts import count
from tests.llm_kit import KEY
from tests.llm_wire_checks import Make
from voicekit.llm import LanguageModel
from voicekit_anthropic.models import anthropic


@pytest.fixture
def make() -> Make:
    def handler(url: str, **options: Any) -> LanguageModel:
        return anthropic(model="stand-in", api_key=KEY, base_url=url, **options)

    return handler


@pytest.fixture
def cancellations() -> int:
    return count(1_000)
