"""Turns a stream of audio into results like the service's: decides when to decode, which words are final, and where
speech ends.

Pure: no clock, no thread, no engine. Audio comes in through `feed`. `job` returns the audio to decode now; its caller
has this audio decoded, and passes the result to `done`. `results` returns the messages to send. There is at most one
job at a time, and it is made only when a worker becomes free, from the latest audio. The longer a job for a partial
result has to wait and takes, the later the next one is due: callers share the workers, and leave time to urgent work.
So under load there are fewer partial results, but nothing else changes.

A segment begins only a little before its speech, because some recognisers hear nothing after a second of silence. If it
gets too long for an engine, it is cut at its quietest place. Segments become final one after the other; a marker
(`<end>`, `<fin>`) waits for the segments before it.
"""

from __future__ import annotations

from collections import deque
from typing import Final

from voicekit.errors import LocalProtocolError
from voicekit.events import SpeechStarted
from voicekit.listen.gate import Gate, GatePolicy
from voicekit.listen.vad import WebRtcVad
from voicekit.soniox.api.wire import SttConfig, Token
from voicekit.soniox.server.realtime.stt import END, FIN
from voicekit_local.endpoint import Endpointing
from voicekit_local.engines.interface import HEARING_RATE, LONGEST_S
from voicekit_local.outbox import Outbox, Result, ms
from voicekit_local.segment import EARLY, Decoded, Job, Segment, quietest, take

RATE: Final = HEARING_RATE
VAD: Final = WebRtcVad(mode=2)
GATE: Final = GatePolicy(hangover=0.24)
"""The hangover is shorter than in a bot's own gate, because a pause here only starts the decoding of complete words."""
PRE_ROLL: Final = round(0.25 * RATE)
# the number of samples after the speech that are also decoded, since words may end softly
TRAIL: Final = round(0.2 * RATE)
# a pause of this many samples separates segments, so that recognisers have less silence to misread
SPLIT: Final = round(0.8 * RATE)
SHORTEST: Final = round(0.08 * RATE)  # the minimum number of samples in a segment; no word is shorter
HOP: Final = round(0.4 * RATE)  # the number of new samples after which another interim result is due
EARLY_HOP: Final = RATE // 5  # the hop in the first two seconds, which are quick to decode and may be an interruption
# the minimum number of samples, including the pre-roll, for the first result; from fewer, recognisers invent syllables
FIRST: Final = round(0.6 * RATE)
LONGEST_HOP: Final = 4 * RATE
ON_TIME: Final = RATE // 10  # a job that is taken within this many samples has not waited: audio comes in messages
CUT_WITHIN: Final = 3 * RATE  # a segment that is too long is cut within its last 3 s
BEHIND: Final = PRE_ROLL + round(0.15 * RATE)
"""How many of the latest samples are never reported as final, because undetected speech may already have begun there.
"""


class Hearing:
    """Recognises one session's speech. Audio is PCM16 little-endian, mono, at 16 kHz; positions are in samples."""

    def __init__(self, config: SttConfig, *, partials: bool = True, language: str = "en") -> None:
        self._partials = partials
        self._endpointing = Endpointing(config) if config.enable_endpoint_detection else None
        self._outbox = Outbox(config, language)
        self._vad = VAD.start(RATE)
        self._gate = Gate(GATE, RATE, getattr(self._vad, "trail", 0))
        self._sound = bytearray()
        self._sound_at = 0  # the position of the first sample in `_sound`
        self._total = 0
        self._judged = 0  # the number of samples that the VAD has judged
        self._talking = False
        self._quiet_since = 0
        self._queue: deque[Segment | Token] = deque()  # in the order of the sound; the last item may be an open segment
        self._segment_end = 0  # the sample at which the last closed segment ended
        self._closed: Segment | None = None  # the last closed segment
        self._job: Job | None = None
        self._hop = 0  # the current minimum hop, which is raised while decoding lags behind or has to wait
        self._waited = 0  # for how many samples the current job had to wait for a worker
        self._ending = False

    # --- input ---

    def feed(self, pcm: bytes) -> None:
        """Take more audio. Raises LocalProtocolError after `end`, or if a sample is incomplete."""
        if self._ending or len(pcm) % 2:
            why = "no sound after the end" if self._ending else f"whole samples, got {len(pcm)} bytes"
            raise LocalProtocolError(f"hearing: expected {why}")
        self._sound += pcm
        self._total += len(pcm) // 2
        window = self._vad.window
        while self._total - self._judged >= window:
            probability = self._vad.probability(self._pcm(self._judged, self._judged + window))
            self._weigh(probability, window)
        self._advance()

    def finalize(self) -> None:
        """Make all words in the audio so far final, and add the marker FIN after them."""
        self._break_off(FIN)
        self._advance()

    def end(self) -> None:
        """End the stream: all remaining words become final."""
        self._ending = True
        self._talking = False
        self._break_off()
        self._advance()

    # --- decoding ---

    @property
    def wants_job(self) -> bool:
        return self._next() is not None

    @property
    def urgent(self) -> bool:
        """Whether final words are waiting for the next job."""
        found = self._next()
        return found is not None and _over(found[0])

    def job(self) -> Job | None:
        """The audio to decode now, if any. The result, a Decoded, must be passed to `done` before the next job."""
        found = self._next()
        if found is None:
            return None
        segment, end = found
        self._waited = 0 if _over(segment) else max(0, end - self._due_at(segment) - ON_TIME)
        self._job = Job(
            segment=segment,
            pcm=self._pcm(segment.start, end),
            start=segment.start,
            draft=segment.heard.tokens,
            before=tuple(word.text for word in segment.tail),
            settled=tuple(word.text for word in segment.settled),
            settled_to=segment.settled_to,
            urgent=_over(segment),
        )
        return self._job

    def done(self, decoded: Decoded) -> None:
        """Take the result of the last job."""
        job, segment = decoded.job, decoded.job.segment
        if job is not self._job:
            raise LocalProtocolError("hearing: expected the job that was handed out most recently")
        self._job = None
        self._hop = min(LONGEST_HOP, 2 * (self._total - job.end + self._waited))
        self._outbox.say(take(segment, decoded))
        segment.complete = job.urgent and job.end >= self._needed_to(segment)
        self._advance()

    # --- output ---

    def results(self) -> list[Result]:
        """The messages to send: none or one."""
        tail = [word for segment in self._segments() for word in segment.tail]
        return self._outbox.take(tail, self._settled_to(), self._total, last=self.finished)

    @property
    def finished(self) -> bool:
        """Whether the audio has ended, and `results` has returned all its words or can return them now."""
        return self._ending and not self._queue

    @property
    def total_ms(self) -> int:
        return ms(self._total)

    @property
    def behind_s(self) -> float:
        """How many seconds ago the oldest undecoded speech ended."""
        waits = [self._needed_to(one) for one in self._segments() if one.end is not None and not one.complete]
        return (self._total - waits[0]) / RATE if waits else 0.0

    # --- speech ---

    def _weigh(self, probability: float, window: int) -> None:
        """Judge one window of sound."""
        mark = self._gate.feed(probability, window, self._judged)
        self._judged += window
        if isinstance(mark, SpeechStarted):
            self._begin(mark.at)
        elif mark is not None:
            self._pause(mark.at)
        segment = self._open
        if self._talking and segment is not None and self._judged - segment.start >= LONGEST_S * RATE:
            self._cut(segment)
        if self._endpointing is not None:
            stalled = self._talking and segment is not None and segment.stalled
            if stalled or (not self._talking and self._silence_s() >= self._endpointing.longest_s):
                self._end_utterance()

    def _begin(self, at: int) -> None:
        segment = self._open
        if segment is not None and at - (segment.paused_at or at) >= SPLIT:
            self._break_off()
            segment = None
        self._talking = True
        if segment is None:
            self._queue.append(Segment(max(at - PRE_ROLL, self._segment_end)))
        else:
            segment.paused_at, segment.complete = None, False

    def _pause(self, at: int) -> None:
        self._talking = False
        self._quiet_since = at
        if self._open is not None:
            self._open.paused_at = max(at, self._open.start)

    def _cut(self, segment: Segment) -> None:
        """Cut a segment that has become too long: it ends at its quietest place, where the next segment begins."""
        first = max(segment.settled_to, self._judged - CUT_WITHIN)
        cut = first + quietest(self._pcm(first, self._judged))
        self._close(segment, cut)
        self._queue.append(Segment(cut))

    def _break_off(self, *markers: Token) -> None:
        """Close the open segment, emit `markers` after it, and open another if speech continues.

        The segment ends where its speech ended or, if speech continues, at the latest sample.
        """
        segment = self._open
        if segment is not None:
            self._close(segment, min(self._needed_to(segment), self._total))
        self._queue += markers
        if segment is not None and self._talking:
            self._queue.append(Segment(self._total))

    def _close(self, segment: Segment, end: int) -> None:
        segment.end = self._segment_end = max(segment.start, end)
        self._closed = segment
        if segment.end - segment.start < SHORTEST:
            segment.complete = True
        elif segment.paused_at is None:
            segment.complete = False

    # --- the end of an utterance ---

    def _silence_s(self) -> float:
        return (self._judged - self._quiet_since) / RATE

    def _end_utterance(self) -> None:
        """Close the open segment, and emit <end> after it if it turns out to have words."""
        if self._queue or self._outbox.owes_end:
            ended = bool(self._queue) and self._queue[-1] is END
            self._break_off(*(() if ended else (END,)))

    def _endpoint_due(self) -> bool:
        """Whether the words permit ending the utterance before the maximum delay."""
        if self._endpointing is None or self._talking or self._ending or not (self._outbox.owes_end or self._open):
            return False
        segment = self._open or self._closed  # `finalize` closes a segment without ending the utterance
        if segment is None or not segment.complete or not segment.texts:
            return False
        return self._silence_s() >= self._endpointing.delay_s(segment.texts)

    # --- internal ---

    def _advance(self) -> None:
        """Make words final where possible, and forget the sound that is no longer needed."""
        if self._endpoint_due():
            self._end_utterance()
        while self._queue:
            head = self._queue[0]
            if isinstance(head, Token):
                self._outbox.mark(head)
            elif head.end is not None and head.complete:
                self._outbox.say(head.settle())
            else:
                break
            self._queue.popleft()
        first = next(iter(self._segments()), None)
        needed = self._judged - BEHIND if first is None else first.start
        drop = max(0, min(needed, self._judged) - self._sound_at)
        del self._sound[: 2 * drop]
        self._sound_at += drop

    def _next(self) -> tuple[Segment, int] | None:
        """The next segment to decode, and the sample up to which to decode it."""
        segment = next((one for one in self._segments() if not one.complete), None)
        if segment is None or self._job is not None:
            return None
        if _over(segment):
            return segment, min(self._needed_to(segment), self._total)
        return (segment, self._total) if self._partials and self._total >= self._due_at(segment) else None

    def _due_at(self, segment: Segment) -> int:
        """The sample at which the next interim result is due."""
        if not segment.decoded_to:
            return segment.start + FIRST
        usual = EARLY_HOP if self._total - segment.start < EARLY else HOP
        return segment.decoded_to + max(usual, self._hop)

    def _needed_to(self, segment: Segment) -> int:
        """The sample up to which a segment must be decoded before its words can be final."""
        if segment.end is not None:
            return segment.end
        return self._total if segment.paused_at is None else segment.paused_at + TRAIL

    def _settled_to(self) -> int:
        if self.finished:
            return self._total
        first = next(iter(self._segments()), None)
        return max(0, self._judged - BEHIND) if first is None else first.settled_to

    def _segments(self) -> list[Segment]:
        return [one for one in self._queue if isinstance(one, Segment)]

    @property
    def _open(self) -> Segment | None:
        last = self._queue[-1] if self._queue else None
        return last if isinstance(last, Segment) and last.end is None else None

    def _pcm(self, start: int, end: int) -> bytes:
        return bytes(self._sound[2 * (start - self._sound_at) : 2 * (end - self._sound_at)])


def _over(segment: Segment) -> bool:
    """Whether the segment's speech has ended, at least for now."""
    return segment.end is not None or segment.paused_at is not None
