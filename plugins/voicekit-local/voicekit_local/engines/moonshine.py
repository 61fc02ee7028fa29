"""Recogniser: Moonshine base, English, with partial results; its weights come in the package moonshine-cpp.

Only the package's files are used. Importing the package would load a second ONNX runtime, and the package's own code
can't transcribe.

A growing segment is decoded repeatedly, with the previous result as a draft. The decoder checks all tokens of the draft
in one run (17 ms for twenty, instead of 8 ms for each), and continues after the last token that it confirms.

Code that uses this engine must allow for two weaknesses: if the audio begins with a second of silence, the recogniser
returns no words, and if the audio is much longer than LONGEST_S, the recogniser repeats itself.
"""

from __future__ import annotations

from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from voicekit_local.engines.files import package_folder
from voicekit_local.engines.interface import HEARING_RATE, Heard, HeardWord, Progress
from voicekit_local.engines.networks import NETWORKS
from voicekit_local.engines.prepare import is_prepared, prepared

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

DISTRIBUTION: Final = "moonshine-cpp==0.1.4"
MODEL: Final = Path("models", "base-en")
HASHES: Final = {
    "encoder_model.ort": "9d1a19e044cbf89a207723d1adb667de89a5671a1e3e611b8ebe721b2c31219c",
    "decoder_model_merged.ort": "370e0c1f161d68dc1c2264c1a82024fb123380da3b73f47f05531d1e8d3308c3",
    "tokenizer.bin": "04670d78994d030185c3dd843c60591788fed0a56cc6750747bd326825f13ca9",
}

LAYERS: Final = 8
HEADS: Final = 8
HEAD_SIZE: Final = 52
BEGIN: Final = 1  # token
END: Final = 2
SPECIAL: Final = 3  # tokens with lower ids are not text

TOKENS_PER_SECOND: Final = 6.5  # the rate of the fastest speech; at a higher rate, the network is repeating itself
TOKENS_BESIDES: Final = 3
SHORTEST: Final = HEARING_RATE // 10  # the minimum number of samples for the encoder; no word is shorter
BLANK: Final = "\u2581".encode()


class Moonshine:
    """An `interface.Recogniser`; it can decode for several sessions at the same time."""

    name = "Moonshine base"
    languages: tuple[str, ...] = ("en",)
    partials = True

    def __init__(self) -> None:
        self._parts: _Parts | None = None

    @property
    def prepared(self) -> bool:
        """Whether the prepared files exist, so that loading takes only about a second."""
        return is_prepared(HASHES, DISTRIBUTION)

    def load(self, progress: Progress) -> None:
        source = package_folder("moonshine_cpp", DISTRIBUTION) / MODEL
        folder = prepared(source, HASHES, DISTRIBUTION, lambda doing, done: progress(doing, done * 0.9))
        progress("loading the recogniser", 0.9)
        self._parts = _Parts(folder, source / "tokenizer.bin")
        progress("loading the recogniser", 1.0)

    def decode(self, sound: NDArray[np.float32], draft: tuple[int, ...] = ()) -> Heard:
        if self._parts is None:
            raise RuntimeError("Moonshine.decode(): expected load() to be called first")
        if len(sound) < SHORTEST:
            return Heard(())
        most = int(TOKENS_PER_SECOND * len(sound) / HEARING_RATE) + TOKENS_BESIDES
        tokens, sure = _Decode(self._parts, sound).run(draft[:most], most)
        return Heard(_words(tokens, sure, self._parts.pieces), tuple(tokens))


class _Parts:
    """The loaded parts: two networks, and the bytes of each token."""

    def __init__(self, folder: Path, tokenizer: Path) -> None:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1  # each decode uses one core, and leaves the others to other calls
        options.log_severity_level = 3
        self.encoder, self.decoder = (
            onnxruntime.InferenceSession(str(folder / f"{name}.onnx"), options, providers=["CPUExecutionProvider"])
            for name in NETWORKS
        )
        self.pieces = read_pieces(tokenizer.read_bytes())


class _Decode:
    """The decoding of one segment: the encoder's result, and the decoder's memory of the tokens so far."""

    def __init__(self, parts: _Parts, sound: NDArray[np.float32]) -> None:
        import numpy as np

        self._decoder = parts.decoder
        self._hidden = parts.encoder.run(None, {"input_values": sound[None]})[0]
        nothing = np.zeros((0, HEADS, 1, HEAD_SIZE), np.float32)
        self._past = {
            f"past_key_values.{layer}.{side}.{kind}": nothing
            for layer in range(LAYERS)
            for side in ("decoder", "encoder")
            for kind in ("key", "value")
        }
        self._names = [output.name for output in parts.decoder.get_outputs()]

    def run(self, draft: tuple[int, ...], most: int) -> tuple[list[int], list[float]]:
        """Decode up to `most` tokens, and return them and the confidence of each."""
        tokens, sure, following = self._check(draft)
        while len(tokens) < most and following[0] != END and not _repeats(tokens):
            tokens.append(following[0])
            sure.append(following[1])
            following = self._step(tokens[-1])
        kept = len(tokens) - (6 if _repeats(tokens) else 0)
        return tokens[:kept], sure[:kept]

    def _check(self, draft: tuple[int, ...]) -> tuple[list[int], list[float], tuple[int, float]]:
        """The part of the draft that the decoder confirms, with the confidences, and the next token."""
        best = self._feed((BEGIN, *draft), cached=False)
        agreed = next((place for place in count() if place == len(draft) or best[place][0] != draft[place]), 0)
        for name, past in self._past.items():
            if ".decoder." in name:
                self._past[name] = past[:, :, : agreed + 1]
        return list(draft[:agreed]), [sure for _, sure in best[:agreed]], best[agreed]

    def _step(self, token: int) -> tuple[int, float]:
        return self._feed((token,), cached=True)[-1]

    def _feed(self, tokens: tuple[int, ...], cached: bool) -> list[tuple[int, float]]:
        """For each of `tokens`, the token that the decoder would write next, with its confidence."""
        import numpy as np

        inputs: dict[str, Any] = {
            "input_ids": np.array([tokens], np.int64),
            "encoder_hidden_states": self._hidden,
            "use_cache_branch": np.array([cached]),
            **self._past,
        }
        logits, *present = self._decoder.run(None, inputs)
        for name, value in zip(self._names[1:], present, strict=True):
            if not cached or ".decoder." in name:  # values computed from the sound are reused after the first run
                self._past[name.replace("present", "past_key_values")] = value
        scores = logits[0]
        best = scores.argmax(axis=1)
        scores -= np.take_along_axis(scores, best[:, None], axis=1)
        sure = 1.0 / np.exp(scores, out=scores).sum(axis=1)
        return list(zip(best.tolist(), sure.tolist(), strict=True))


def read_pieces(data: bytes) -> list[bytes]:
    """The bytes of each token. In `data`, a length precedes each token: one byte for a length below 128, else two."""
    pieces, place = [], 0
    while place < len(data):
        length, place = data[place], place + 1
        if length >= 128:
            length, place = length - 128 + data[place] * 128, place + 1
        pieces.append(data[place : place + length])
        place += length
    return pieces


def _repeats(tokens: list[int]) -> bool:
    """Whether the last three tokens have come three times in a row."""
    return len(tokens) >= 9 and tokens[-3:] == tokens[-6:-3] == tokens[-9:-6]


def _words(tokens: list[int], sure: list[float], pieces: list[bytes]) -> tuple[HeardWord, ...]:
    """The words that the tokens spell; the confidence of a word is that of its least certain token."""
    words: list[tuple[bytes, float]] = []
    for token, confidence in zip(tokens, sure, strict=True):
        if token < SPECIAL:
            continue
        piece = pieces[token] if token < len(pieces) else b""
        if piece.startswith(BLANK) or not words:
            words.append((piece, confidence))
        else:
            words[-1] = words[-1][0] + piece, min(words[-1][1], confidence)
    texts = ((spelt.decode(errors="replace").replace("\u2581", " ").strip(), sure) for spelt, sure in words)
    return tuple(HeardWord(text, confidence) for text, confidence in texts if text)
