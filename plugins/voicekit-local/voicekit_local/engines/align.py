"""Finds when each word of a known text is spoken, by forced alignment with pocketsphinx, or else by counting letters.

A word unknown to pocketsphinx gets a rough pronunciation, letter by letter; the words around it keep it in place.
pocketsphinx blocks other threads while it works, so it gets only 50 ms of audio at a time (1 ms of work).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import pairwise
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any, Final

from voicekit_local.engines.files import missing
from voicekit_local.engines.interface import HEARING_RATE, Progress
from voicekit_local.wer import plain_words

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

CHUNK: Final = HEARING_RATE // 20  # the number of samples that the decoder gets at a time
FRAMES_PER_S: Final = 100  # the decoder's frame rate, in frames per second
MOST_TAUGHT: Final = 2_000  # a decoder that has been taught this many words is replaced, since it only grows
MOST_LEFT_OUT: Final = 3  # the maximum number of words that may be missing at the end of the sound
SPARES: Final = {"ds": 2}
"""Settings that save 40 % of the work: only every second frame of 10 ms is scored. A word moves by 7 ms on average."""
PHONES: Final = dict(
    pair.split(":")
    for pair in (  # noqa: SIM905  # reads better as words
        "a:AE b:B c:K d:D e:EH f:F g:G h:HH i:IH j:JH k:K l:L m:M n:N o:AA p:P q:K r:R s:S t:T u:AH v:V w:W x:Z "
        "y:IY z:Z"
    ).split()
)
"""One phone for each letter; good enough for a name between known words."""

Times = list[tuple[float, float]]


class LetterAligner:
    """Divides the time among the words in proportion to their lengths in letters. Needs no package; accurate to within
    a word or two.
    """

    name = "by letters"

    def load(self, progress: Progress) -> None:
        progress("spreading the times of words by letters", 1.0)

    def align(self, sound: NDArray[np.float32], rate: int, words: Sequence[str]) -> Times:
        return spread(words, 0.0, len(sound) / rate)


class SphinxAligner:
    """Forced alignment with the English model in pocketsphinx; each simultaneous alignment has its own decoder."""

    name = "pocketsphinx"

    def __init__(self) -> None:
        self._idle: SimpleQueue[_Decoder] = SimpleQueue()

    def load(self, progress: Progress) -> None:
        progress("loading the word aligner", 0.0)
        with self._decoder():
            progress("loading the word aligner", 1.0)

    def align(self, sound: NDArray[np.float32], rate: int, words: Sequence[str]) -> Times:
        length = len(sound) / rate
        parts = [list(_spoken(word)) for word in words]
        if not any(parts):
            return spread(words, 0.0, length)
        spoken = [part for several in parts for part in several]
        with self._decoder() as decoder:
            found = decoder.search(_pcm(sound, rate), spoken)
        if not found:
            return spread(words, 0.0, length)
        if len(found) < len(spoken):  # the last word found also covers the sound of the words after it
            start, _ = found.pop()
            found += spread(spoken[len(found) :], start, length)
        return _regroup(found, [len(several) for several in parts], length)

    @contextmanager
    def _decoder(self) -> Iterator[_Decoder]:
        try:
            decoder = self._idle.get_nowait()
        except Empty:
            decoder = _Decoder()
        yield decoder  # a decoder is not used again after an error, since its state is unknown
        if decoder.taught < MOST_TAUGHT:
            self._idle.put(decoder)


class _Decoder:
    """A pocketsphinx decoder, and the number of words that it has been taught, since it never forgets any."""

    def __init__(self) -> None:
        try:
            import pocketsphinx
        except ImportError as error:
            raise missing("the package pocketsphinx is required, but it can't be imported") from error
        self._decoder: Any = pocketsphinx.Decoder(lm=None, loglevel="FATAL", **SPARES)
        self.taught = 0

    def search(self, pcm: bytes, words: Sequence[str]) -> Times:
        """The start and the end of each word found, beginning with the first word.

        While someone is speaking, the last words are often guesses, made from half a word, and then no alignment fits.
        Such words are left out; otherwise the words before them would have no times either.
        """
        for word in words:
            if self._decoder.lookup_word(word) is None:
                phones = [PHONES[letter] for letter in word if letter in PHONES]
                self._decoder.add_word(word, " ".join(phones or ["AH"]), True)
                self.taught += 1
        for left_out in range(min(MOST_LEFT_OUT + 1, len(words))):
            wanted = len(words) - left_out
            found = self._fit(pcm, words[:wanted])
            if len(found) == wanted:
                return found
        return []

    def _fit(self, pcm: bytes, words: Sequence[str]) -> Times:
        """The times of the first `words`, as many as the decoder finds in this sound."""
        self._decoder.reinit_feat()  # otherwise the decoder keeps the loudness and noise of the previous sound
        self._decoder.set_align_text(" ".join(words))
        self._decoder.start_utt()
        for place in range(0, len(pcm), 2 * CHUNK):
            self._decoder.process_raw(pcm[place : place + 2 * CHUNK], no_search=False, full_utt=False)
        self._decoder.end_utt()
        return [
            (part.start_frame / FRAMES_PER_S, (part.end_frame + 1) / FRAMES_PER_S)
            for part in self._decoder.seg() or ()
            if part.word[0] not in "<["
        ]


def spread(words: Sequence[str], start: float, end: float) -> Times:
    """Divide the time from `start` to `end` among `words`, in proportion to their lengths in letters."""
    letters = [len(word) + 1 for word in words]  # plus one for the space between words
    whole = sum(letters) or 1
    marks = [start + (end - start) * sum(letters[:place]) / whole for place in range(len(words))]
    return list(pairwise([*marks, end]))


def _spoken(word: str) -> Iterator[str]:
    """The spoken words for a written one: "don't" is one word, "PBX" its letters, "5:30" numbers, and a dash none."""
    bare = re.sub(r"^[^\w]+|[^\w]+$", "", word.lower().replace("\u2019", "'"))
    if not re.search("[aeiouy]", bare) and re.fullmatch("[a-z]{2,5}", bare):
        return iter(bare)
    return iter([bare] if re.fullmatch("[a-z']+", bare) else plain_words(bare))


def _regroup(found: Times, sizes: Sequence[int], length: float) -> Times:
    """The times of the written words. `sizes` has the number of spoken words for each; with 0, a word takes no time."""
    times: Times = []
    at, place = 0.0, 0
    for size in sizes:
        start, end = (found[place][0], found[place + size - 1][1]) if size else (at, at)
        at, place = min(max(at, end), length), place + size
        times.append((min(start, at), at))
    return times


def _pcm(sound: NDArray[np.float32], rate: int) -> bytes:
    import numpy as np

    if rate != HEARING_RATE:
        import soxr

        sound = soxr.resample(sound, rate, HEARING_RATE, quality="LQ")
    return bytes((np.clip(sound, -1.0, 1.0) * 32_767).astype("<i2").tobytes())
