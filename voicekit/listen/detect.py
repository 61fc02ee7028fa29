"""The transform that detects speech: it passes frames on, and adds a mark after each frame in which it finds that
speech has begun or ended.

Each mark is also signalled before it is yielded. The mark on the audio link, in order with the audio, shows the
transcriber after which sample speech ended. The signal reaches the conductor immediately, ahead of any queued audio.
"""

from __future__ import annotations

from collections.abc import Iterable

from voicekit.audio.chunk import Chunker
from voicekit.audio.format import AudioFormat
from voicekit.audio.frame import AudioFrame, Gap, Sound
from voicekit.contracts import Vad, VadStream
from voicekit.errors import ConfigError
from voicekit.events import SpeechMark, SpeechStarted, SpeechStopped
from voicekit.flow.transform import StreamContext, TransformPart
from voicekit.listen.gate import Gate, GatePolicy
from voicekit.listen.loudness import Loudness


def detect(
    vad: Vad, policy: GatePolicy | None = None, loudness: Loudness | None = None
) -> TransformPart[Sound, Sound | SpeechMark]:
    """A transform that adds SpeechStarted and SpeechStopped to the audio that passes, using `vad` and a gate.

    Takes PCM16 mono at one of the VAD's rates; starting it raises ConfigError for any other audio. Frames may have any
    size; everything passes unchanged. A gap counts as unvoiced for its whole length. At the end of the stream,
    SpeechStopped ends any speech in progress.

    With `loudness`, the level of speech is measured. If the speech becomes much louder, SpeechStarted is signalled
    again (but not put on the link): a caller may have begun to speak while a television was playing. If it becomes much
    fainter, SpeechStopped is signalled in the same way: the caller has finished, and the television is still playing.
    """
    gate_policy = policy or GatePolicy()

    def start(context: StreamContext) -> Detect:
        rate = _checked_rate(vad, context.format)
        stream = vad.start(rate)
        gate = Gate(gate_policy, rate, getattr(stream, "trail", 0))
        return Detect(stream, gate, context, loudness, gate_policy.threshold)

    return TransformPart("detect", start)


def _checked_rate(vad: Vad, offered: AudioFormat | None) -> int:
    if offered is None or offered.encoding != "pcm16" or offered.channels != 1 or offered.rate not in vad.rates:
        wanted = ", ".join(map(str, vad.rates))
        got = offered or "sound of an unknown format"
        raise ConfigError(f"detect: {vad!r}: expected pcm16 mono at one of {wanted} Hz, got {got}")
    return offered.rate


class Detect:
    """The detector for one stream: cuts the audio into the VAD's windows, and passes the probability for each window to
    the gate.
    """

    __slots__ = ("_context", "_faint", "_gate", "_loudness", "_stream", "_threshold", "_window", "_windows")

    def __init__(
        self, stream: VadStream, gate: Gate, context: StreamContext, loudness: Loudness | None, threshold: float
    ) -> None:
        self._stream = stream
        self._gate = gate
        self._context = context
        self._loudness = loudness
        self._threshold = threshold
        self._faint = False  # whether SpeechStopped was signalled because the speech became much fainter
        self._window = stream.window
        self._windows = Chunker(stream.window)

    def feed(self, item: Sound) -> Iterable[Sound | SpeechMark]:
        if type(item) is AudioFrame:
            return (item, *self._listen(item))
        if type(item) is Gap:
            return (item, *self._said(self._gate.lose(item.samples, item.at)))
        return (item,)

    def finish(self) -> Iterable[SpeechMark]:
        return self._said(self._gate.finish())

    def _listen(self, frame: AudioFrame) -> list[SpeechMark]:
        marks: list[SpeechMark] = []
        for window in self._windows.cut(frame):
            if window.samples == self._window:  # a shorter window before a gap has too little sound to judge
                probability = self._stream.probability(window.pcm)
                mark = self._gate.feed(probability, self._window, window.at)
                if self._loudness is not None and probability >= self._threshold:
                    self._measure(self._loudness, window, mark)
                marks += self._said(mark)
        return marks

    def _measure(self, loudness: Loudness, window: AudioFrame, mark: SpeechMark | None) -> None:
        loudness.note(window.pcm, window.at)
        if mark is not None:
            loudness.begin()
        elif self._gate.speaking and loudness.rises():
            self._faint = False
            self._context.signal(SpeechStarted(window.at))
        elif self._gate.speaking and (fell_at := loudness.falls()) is not None and not self._faint:
            self._faint = True
            self._context.signal(SpeechStopped(fell_at))

    def _said(self, mark: SpeechMark | None) -> tuple[SpeechMark, ...]:
        if mark is None:
            return ()
        if not (self._faint and isinstance(mark, SpeechStopped)):
            self._context.signal(mark)
        self._faint = False
        return (mark,)
