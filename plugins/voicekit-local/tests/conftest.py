"""Real engines for the tests, loaded once; and real speech, whose words are known."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import soundfile

from voicekit_local.engines.align import SphinxAligner
from voicekit_local.engines.interface import no_progress
from voicekit_local.engines.moonshine import Moonshine
from voicekit_local.engines.piper import Piper

SPEECH = Path(__file__).parents[3] / "tests" / "data" / "speech"
LABELS: dict[str, dict[str, Any]] = json.loads((SPEECH / "labels.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="session")
def recogniser() -> Moonshine:
    """The real recogniser; prepared in the user's own cache, where it may be already."""
    pytest.importorskip("moonshine_cpp", reason="needs the package moonshine-cpp (Linux on x86-64)")
    moonshine = Moonshine()
    moonshine.load(no_progress)
    return moonshine


@pytest.fixture(scope="session")
def aligner() -> SphinxAligner:
    pytest.importorskip("pocketsphinx", reason="needs the package pocketsphinx (Python before 3.14)")
    sphinx = SphinxAligner()
    sphinx.load(no_progress)
    return sphinx


@pytest.fixture(scope="session")
def voice(aligner: SphinxAligner) -> Piper:
    """The real voice; the same text sounds the same in every test."""
    piper = Piper(aligner, steady=True)
    piper.load(no_progress)
    return piper


@pytest.fixture(scope="session")
def recordings() -> dict[str, Any]:
    """The committed recordings of people: float32 at 16 kHz, by name."""
    return {name: soundfile.read(SPEECH / f"{name}.flac", dtype="float32")[0] for name in LABELS}


@pytest.fixture(scope="session")
def labels() -> dict[str, dict[str, Any]]:
    """What is said in each recording ("text"), and from when to when ("aligned"), in seconds."""
    return LABELS
