"""The vocabulary of a call: every mark, signal, command and session event, grouped by the part that emits it.

All are immutable. `at`, `start`, `end` and `final_to` count samples from the first sample of a stream. The stream is
either the caller's audio, at the rate that the stt accepts, or a reply, at the sink's rate. A `turn` is the number of a
reply, counted from 1. Words keep the white space that the recogniser put before them, so that they can be joined
without guessing.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import Enum
from typing import Literal, TypeAlias

from msgspec import Struct

# --- marks: they travel in order with the sound (SpeechStarted and SpeechStopped are also sent ahead, as signals) ---


class SpeechStarted(Struct, frozen=True):
    """Someone began to speak at sample `at` of the caller's audio."""

    at: int


class SpeechStopped(Struct, frozen=True):
    """The speech ended at sample `at` of the caller's audio; emitted after the gate's hangover."""

    at: int


class WordMark(Struct, frozen=True):
    """A spoken word starts at sample `at` of its reply; from then on, the first `said_to` characters of the handler's
    text count as heard."""

    text: str
    at: int
    said_to: int


# --- from the transcriber ---


class Word(Struct, frozen=True):
    """One recognised word with the white space before it, from sample `start` to `end` of the caller's audio."""

    text: str
    start: int
    end: int
    language: str | None = None
    speaker: str | None = None
    confidence: float | None = None


def joined(words: Iterable[Word]) -> str:
    """The text of `words`, joined by their own white space and stripped at both ends."""
    return "".join(word.text for word in words).strip()


class Interim(Struct, frozen=True):
    """All words that are not yet final, if any. They replace the words of the previous Interim."""

    words: tuple[Word, ...]

    @property
    def text(self) -> str:
        return joined(self.words)


class Final(Struct, frozen=True):
    """Words that will not change any more; each is emitted once."""

    words: tuple[Word, ...]

    @property
    def text(self) -> str:
        return joined(self.words)


class Endpoint(Struct, frozen=True):
    """The recogniser judges that the utterance is complete; `at` is the end of its last word."""

    at: int


class Finalized(Struct, frozen=True):
    """All words up to sample `at` are now final, as requested; this does not mean that the turn is over."""

    at: int


class Progress(Struct, frozen=True):
    """The recogniser has processed everything before sample `final_to`, including silence."""

    final_to: int


class Translated(Struct, frozen=True):
    """Translated words: either final words, each emitted once, or all words that may still change. Times are
    approximate.
    """

    words: tuple[Word, ...]
    is_final: bool

    @property
    def text(self) -> str:
        return joined(self.words)


class SttDown(Struct, frozen=True):
    """The transcriber has lost the connection to its service, and emits no words until it has reconnected. `why` is the
    reason, as text.
    """

    why: str = ""


class SttUp(Struct, frozen=True):
    """The transcriber has recovered."""


# --- from the caller, other than by voice ---


class Typed(Struct, frozen=True):
    """A line of text from the user; it is never treated as a backchannel."""

    text: str


class Dtmf(Struct, frozen=True):
    """A key pressed on a telephone: 0-9, *, #, A-D."""

    digit: str


class CallerHeld(Struct, frozen=True):
    """The far side has put the caller on hold (`held`), or ended the hold. During a hold, all deadlines are paused."""

    held: bool


# --- from the handler ---


class CollectKeys(Struct, frozen=True):
    """A request to collect the caller's next keys into one turn, with the reason "keys".

    The collection is complete after `most` keys, or `within` seconds after the last key. A key in `end` or `stop` also
    completes it; a key in `end` is dropped, and one in `stop` is kept. If no key is pressed, the collection ends
    `first` seconds after the prompt, or never if `first` is None.
    """

    most: int
    end: str = "#"
    stop: str = ""
    within: float = 5.0
    first: float | None = None


# --- from playout ---


class Audible(Struct, frozen=True):
    """The first sample of the reply has been played."""

    turn: int


class HeardSoFar(Struct, frozen=True):
    """The caller has heard the first `said_to` characters of the handler's text."""

    turn: int
    said_to: int


class ReplyDone(Struct, frozen=True):
    """The reply's last sample has been played."""

    turn: int


class ReplyFailed(Struct, frozen=True):
    """The reply ended with an error; what had been heard by then stays in the history."""

    turn: int
    error: Exception


# --- from the handler ---

AnswerKind: TypeAlias = Literal["number", "name", "yes_no"]
"""The kind of answer to a question, as far as it affects how long the caller may pause."""

ExpectedAnswer: TypeAlias = AnswerKind | float
"""The kind of the expected answer, or the seconds of silence that end it."""


class AnswerExpected(Struct, frozen=True):
    """Reply `turn` asks the caller for what `answer` describes, and expects it until the caller's next turn is
    committed."""

    turn: int
    answer: ExpectedAnswer


# --- from a sound model ---


class PauseScored(Struct, frozen=True):
    """How probable it is, judging by the sound, that the utterance before the pause at sample `at` is finished."""

    at: int
    probability: float


# --- from the session ---


class Prompt(Struct, frozen=True):
    """Ask the bot to speak on its own initiative, and not in reply to the caller. `reason` is "greeting", "idle",
    "say", "warning", "apology", "farewell" or "machine" (an answering machine has answered, see AnsweredBy).

    If `text` is given, it is spoken unchanged; otherwise the handler is called with `turn.reason` set.
    """

    reason: str
    text: str | None = None
    interruptible: bool = True


class End(Struct, frozen=True):
    """A request to end the call. If it is `graceful`, the current reply is played to its end, and then `farewell` is
    spoken.

    `limit` is True if the call has reached its maximum duration or its maximum silence.
    """

    graceful: bool
    why: str
    farewell: str | None = None
    limit: bool = False


class SourceEnded(Struct, frozen=True):
    """The source has ended, and the transcriber has emitted its last transcript."""


class Hangup(Struct, frozen=True):
    """The other side has hung up."""


SpeechMark: TypeAlias = SpeechStarted | SpeechStopped
Transcript: TypeAlias = Interim | Final | Endpoint | Finalized | Progress | Translated | SttDown | SttUp
Signal: TypeAlias = (
    SpeechStarted
    | SpeechStopped
    | Transcript
    | Typed
    | Dtmf
    | CallerHeld
    | CollectKeys
    | Audible
    | HeardSoFar
    | ReplyDone
    | ReplyFailed
    | AnswerExpected
    | PauseScored
    | Prompt
    | End
    | SourceEnded
    | Hangup
)

# --- commands from the turn machine to the conductor ---


class StartReply(Struct, frozen=True):
    """Start reply `turn`, which answers `text`; `reason` is "speech", "typed", "dtmf", "keys" or a Prompt's reason.

    If `script` is given, it is spoken and no handler is called.
    """

    turn: int
    text: str
    reason: str = "speech"
    script: str | None = None
    interruptible: bool = True


class Speculate(Struct, frozen=True):
    """Prepare reply `turn`, which answers `text`, but don't play it yet: it is not certain that the caller has
    finished.
    """

    turn: int
    text: str


class Confirm(Struct, frozen=True):
    """The caller's turn is over, and the guess was right: reply `turn` may be played. `text` is the final spelling of
    the caller's words."""

    turn: int
    text: str


class Discard(Struct, frozen=True):
    """The guess was wrong: the prepared reply `turn` is discarded, and the next reply gets the same number."""

    turn: int


class CutReply(Struct, frozen=True):
    """Cut reply `turn`: it is silent from now on."""

    turn: int


class HoldOutput(Struct, frozen=True):
    """Pause reply `turn` at its current position."""

    turn: int


class ReleaseOutput(Struct, frozen=True):
    """Resume the paused reply `turn`."""

    turn: int


class AmendTurn(Struct, frozen=True):
    """Final words that arrived late have changed the caller's words in turn `turn`, which is already committed."""

    turn: int
    text: str


class Finalize(Struct, frozen=True):
    """Ask the stt to make all words up to sample `at` final, as soon as it has sent the audio up to that sample; the
    answer is Finalized."""

    at: int


class ScorePause(Struct, frozen=True):
    """Ask the model that judges pauses by their sound whether the utterance before sample `at` is finished; the answer
    is PauseScored.
    """

    at: int


EarCommand: TypeAlias = Finalize | ScorePause
"""Commands to the listening side."""

TurnCommand: TypeAlias = (
    StartReply | Speculate | Confirm | Discard | CutReply | HoldOutput | ReleaseOutput | AmendTurn | EarCommand
)

# --- session events, for observers and the event log ---


class SessionStarted(Struct, frozen=True):
    """Everything is open, and audio flows from now on. `vad` is the speech detector's name; it is empty if there is
    none."""

    vad: str = ""


class TurnAct(Enum):
    """The kinds of decisions that the turn machine makes."""

    COMMIT = "commit"  # the caller's turn is complete: a reply starts
    CONFIRM = "confirm"  # the caller's turn is complete: the reply that was begun as a guess continues
    SPECULATE = "speculate"  # begin the reply while the pause is still being judged
    DISCARD = "discard"  # discard the reply that was begun as a guess
    FINALIZE = "finalize"  # ask the stt for its final words in this pause
    WAIT = "wait"  # the turn is not over yet, whatever the stt's endpoint says
    PROMPT = "prompt"  # begin to say something that does not answer the caller
    HOLD = "hold"  # pause the reply to decide whether this is an interruption
    RELEASE = "release"  # continue the paused reply: this was no interruption
    CUT = "cut"  # end the reply: this was an interruption
    IGNORE = "ignore"  # ignore words or sound that are not the caller's
    DROP_PROMPT = "drop prompt"  # the prompt will not be spoken
    CLOSE = "close"  # the call is over


class Decided(Struct, frozen=True):
    """One decision of the turn machine: `act` on reply `turn` (None if the decision concerns no reply), and the reason.

    `about` is the `reason` of a prompt that was dropped. `str()` returns the line for the log.
    """

    act: TurnAct
    turn: int | None
    why: str
    about: str | None = None

    @property
    def what(self) -> str:
        """The act and the number of the reply in words: "cut 1"."""
        about = "" if self.about is None else f" {self.about!r}"
        return f"{self.act.value}{about}" + ("" if self.turn is None else f" {self.turn}")

    def __str__(self) -> str:
        return f"{self.what} ({self.why})"


class TurnCommitted(Struct, frozen=True):
    """The caller's turn is complete; reply `turn` starts."""

    turn: int
    text: str
    reason: str


class TurnEnded(Struct, frozen=True):
    """Reply `turn` is over: the handler said `said`, and the caller heard `heard`."""

    turn: int
    said: str
    heard: str
    cut: bool


class Overrun(Struct, frozen=True):
    """A link was full, so `samples` samples of audio were dropped; a Gap takes their place."""

    link: str
    samples: int


class Underrun(Struct, frozen=True):
    """Reply `turn` had nothing to play for `samples` samples, although the handler had not finished its text."""

    turn: int
    samples: int


class Trouble(Struct, frozen=True):
    """Something failed and the call continues: `where` names the stage or the plugin."""

    where: str
    error: Exception


class Switched(Struct, frozen=True):
    """A service failed with `error` and another takes over; `role` is "stt", "tts" or "model".

    If the new service is in another region, `crosses` names both regions, for example "eu to us". A voice that exists
    in one region may not exist in the other.
    """

    role: str
    left: str
    taken: str
    error: Exception
    crosses: str | None = None


class Blocked(Struct, frozen=True):
    """The task named in `where` blocked the event loop, and so every call in the process, for `seconds` of real
    time."""

    where: str
    seconds: float


class ModelAnswered(Struct, frozen=True):
    """A model's answer in reply `turn` is complete; `stop` is the reason why the model stopped. Times are in seconds,
    counted from the request."""

    turn: int
    model: str
    stop: str
    first_token: float | None
    seconds: float
    input_tokens: int | None = None
    output_tokens: int | None = None


class ToolRan(Struct, frozen=True):
    """A tool that the model called in reply `turn` ended after `seconds`. The tool's arguments and result are private,
    so they are left out.

    `outcome` is "result", "failed", "late" (it exceeded its time limit), "cancelled" (the caller interrupted), or
    "refused" (there is no such tool, or the arguments were wrong).
    """

    turn: int
    name: str
    outcome: Literal["result", "failed", "late", "cancelled", "refused"]
    seconds: float


class BargeInTimed(Struct, frozen=True):
    """Reply `turn` was cut `seconds` after the caller began to speak over it."""

    turn: int
    seconds: float


class TurnTimed(Struct, frozen=True):
    """Reply `turn` has become audible; the times, in seconds, show how long the caller waited for it.

    `decision` is the time from the detected end of the caller's speech until the turn was committed; it includes the
    time for the recogniser, the pause and the judgement. `stt` is the part of `decision` until the last final words
    arrived. `handler` is the time from the commit to the first word of the reply, `tts` from the first word to the
    first sound, and `total` from the end of the caller's speech to the first sound. None means unknown: the caller did
    not speak, or the reply was begun before the turn was committed (`handler` is then 0.0).
    """

    turn: int
    reason: str
    stt: float | None
    decision: float | None
    handler: float
    tts: float | None
    total: float


class AnsweredBy(Struct, frozen=True):
    """The carrier has detected who answered an outgoing call. `greeted` means that a machine's greeting has ended, so
    the bot should speak now.
    """

    who: Literal["human", "machine", "fax", "unknown"]
    greeted: bool = False


class Transferred(Struct, frozen=True):
    """The caller was transferred (`error` is None), or the carrier refused the transfer."""

    error: Exception | None = None


class SessionEnded(Struct, frozen=True):
    """The call is over. `error` is the error that ended it, or None if it ended normally. For `limit`, see End."""

    why: str
    error: BaseException | None = None
    limit: bool = False


CallNews: TypeAlias = AnsweredBy | Transferred
"""Events that a connection to a caller reports in addition to sound, and that the turn machine does not need."""

SessionEvent: TypeAlias = (
    SessionStarted
    | Decided
    | TurnCommitted
    | TurnEnded
    | Overrun
    | Underrun
    | Trouble
    | Switched
    | Blocked
    | ModelAnswered
    | ToolRan
    | TurnTimed
    | BargeInTimed
    | CallNews
    | SessionEnded
    | Signal
)
