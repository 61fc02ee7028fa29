"""The vocabulary: every mark, signal, command and session event, grouped by its emitter.

All are immutable. `at`, `start`, `end` and `final_to` count samples: those of the listening side at the one ear rate,
those of a reply at the sink's rate, each from the first sample of its stream. A `turn` is the number of a reply,
counted from 1. Words keep the white space that the recogniser put in front of them, so joining needs no guess.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum
from typing import Literal, TypeAlias

# --- marks: travel in order with the sound (SpeechStarted and SpeechStopped also overtake it as signals) ---


@dataclass(frozen=True, slots=True)
class SpeechStarted:
    """Somebody began to speak at sample `at` of the ear stream."""

    at: int


@dataclass(frozen=True, slots=True)
class SpeechStopped:
    """The last speech ended at sample `at` of the ear stream; emitted when the gate's hangover has passed."""

    at: int


@dataclass(frozen=True, slots=True)
class WordMark:
    """A spoken word starts at sample `at` of its reply; once it has started, `said_to` characters were heard."""

    text: str
    at: int
    said_to: int


# --- from the transcriber ---


@dataclass(frozen=True, slots=True)
class Word:
    """One recognised word with the white space before it; it sounds from `start` to `end` (ear samples)."""

    text: str
    start: int
    end: int
    language: str | None = None
    speaker: str | None = None
    confidence: float | None = None


def joined(words: Iterable[Word]) -> str:
    """The text of `words` as a person would write it: their own white space, none around."""
    return "".join(word.text for word in words).strip()


@dataclass(frozen=True, slots=True)
class Interim:
    """The whole not-yet-final tail; replaces the interim before it, and may shrink or be empty."""

    words: tuple[Word, ...]

    @property
    def text(self) -> str:
        return joined(self.words)


@dataclass(frozen=True, slots=True)
class Final:
    """Words that will not change any more; each is emitted once."""

    words: tuple[Word, ...]

    @property
    def text(self) -> str:
        return joined(self.words)


@dataclass(frozen=True, slots=True)
class Endpoint:
    """The recogniser judges that the utterance is complete; `at` is the end of its last word."""

    at: int


@dataclass(frozen=True, slots=True)
class Finalized:
    """All sound up to `at` has been made final, as asked for; not a judgement about the turn."""

    at: int


@dataclass(frozen=True, slots=True)
class Progress:
    """Everything before sample `final_to` has been recognised for good, silence included."""

    final_to: int


@dataclass(frozen=True, slots=True)
class Translated:
    """Translated words: final ones once, or the whole tail that may still change. Their times are only near."""

    words: tuple[Word, ...]
    is_final: bool

    @property
    def text(self) -> str:
        return joined(self.words)


@dataclass(frozen=True, slots=True)
class SttDown:
    """The transcriber has lost its service and is reconnecting; no words come for now. `why` is for people."""

    why: str = ""


@dataclass(frozen=True, slots=True)
class SttUp:
    """The transcriber hears again."""


# --- from the caller, other than by voice ---


@dataclass(frozen=True, slots=True)
class Typed:
    """A line of text from the user; never a backchannel."""

    text: str


@dataclass(frozen=True, slots=True)
class Dtmf:
    """A key pressed on a telephone: 0-9, *, #, A-D."""

    digit: str


@dataclass(frozen=True, slots=True)
class CallerHeld:
    """The far side put the caller on hold (`held`), or took them back: until then no time passes for the call."""

    held: bool


# --- from the handler ---


@dataclass(frozen=True, slots=True)
class CollectKeys:
    """The order to take the caller's next keys together, as one turn of the reason "keys".

    It is complete with `most` keys, at a key of `end`, which is dropped, or of `stop`, which is kept; `within` seconds
    after the last key; and, without any key, `first` seconds after the prompt (None: never).
    """

    most: int
    end: str = "#"
    stop: str = ""
    within: float = 5.0
    first: float | None = None


# --- from playout ---


@dataclass(frozen=True, slots=True)
class Audible:
    """The first sample of the reply has been played."""

    turn: int


@dataclass(frozen=True, slots=True)
class HeardSoFar:
    """The caller has heard the first `said_to` characters of the handler's text."""

    turn: int
    said_to: int


@dataclass(frozen=True, slots=True)
class ReplyDone:
    """The reply's last sample has been played."""

    turn: int


@dataclass(frozen=True, slots=True)
class ReplyFailed:
    """The reply ended with an error; what had been heard by then stays in the history."""

    turn: int
    error: Exception


# --- from the handler ---

AnswerKind: TypeAlias = Literal["number", "name", "yes_no"]
"""What a question asks for, as far as it matters to how long its answer may pause."""

ExpectedAnswer: TypeAlias = AnswerKind | float
"""A kind, or the pause in seconds that ends the answer."""


@dataclass(frozen=True, slots=True)
class AnswerExpected:
    """Reply `turn` asks the caller for `answer`; it counts until the caller's next turn is committed."""

    turn: int
    answer: ExpectedAnswer


# --- from a sound model ---


@dataclass(frozen=True, slots=True)
class PauseScored:
    """The sound before the pause at sample `at` is, by its melody, a finished utterance with this probability."""

    at: int
    probability: float


# --- from the session ---


@dataclass(frozen=True, slots=True)
class Prompt:
    """Speak without a turn of the caller: `reason` is "greeting", "idle", "say", "warning", "apology", "farewell" or
    "machine" (an answering machine has taken the call, see AnsweredBy).

    With `text`, that is spoken as it is; without, the handler is called with `turn.reason` set.
    """

    reason: str
    text: str | None = None
    interruptible: bool = True


@dataclass(frozen=True, slots=True)
class End:
    """The order to end the call: a `graceful` end lets the reply in progress be played, and then speaks `farewell`.

    `limit`: it comes of the longest duration, or of the longest silence.
    """

    graceful: bool
    why: str
    farewell: str | None = None
    limit: bool = False


@dataclass(frozen=True, slots=True)
class SourceEnded:
    """The source ended and the transcriber has emitted its last transcript."""


@dataclass(frozen=True, slots=True)
class Hangup:
    """The other side is gone."""


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

# --- commands: only the turn machine makes them, only the conductor obeys ---


@dataclass(frozen=True, slots=True)
class StartReply:
    """Start reply `turn` to `text`; `reason` is "speech", "typed", "dtmf", "keys" or a Prompt's reason.

    With `script`, that text is spoken and no handler is asked.
    """

    turn: int
    text: str
    reason: str = "speech"
    script: str | None = None
    interruptible: bool = True


@dataclass(frozen=True, slots=True)
class Speculate:
    """Begin to make reply `turn` to `text` while it is judged whether the caller has finished; nothing of it sounds."""

    turn: int
    text: str


@dataclass(frozen=True, slots=True)
class Confirm:
    """The caller's turn is over with the words that were guessed, spelt as in `text`: reply `turn` may sound."""

    turn: int
    text: str


@dataclass(frozen=True, slots=True)
class Discard:
    """The guess was wrong: what was made of reply `turn` is thrown away, and its number goes to the next."""

    turn: int


@dataclass(frozen=True, slots=True)
class CutReply:
    """Cut reply `turn` off: it is silent from this instant on."""

    turn: int


@dataclass(frozen=True, slots=True)
class HoldOutput:
    """Pause reply `turn` where it is."""

    turn: int


@dataclass(frozen=True, slots=True)
class ReleaseOutput:
    """Let the paused reply `turn` go on."""

    turn: int


@dataclass(frozen=True, slots=True)
class AmendTurn:
    """Late final words change the caller's words in the already committed turn `turn`."""

    turn: int
    text: str


@dataclass(frozen=True, slots=True)
class Finalize:
    """Ask the stt to make all sound up to sample `at` final, as soon as that has been sent; Finalized answers."""

    at: int


@dataclass(frozen=True, slots=True)
class ScorePause:
    """Ask the sound model whether what sounded before the pause at sample `at` is finished; PauseScored answers."""

    at: int


EarCommand: TypeAlias = Finalize | ScorePause
"""Commands to the listening side."""

TurnCommand: TypeAlias = (
    StartReply | Speculate | Confirm | Discard | CutReply | HoldOutput | ReleaseOutput | AmendTurn | EarCommand
)

# --- session events, for observers and the event log ---


@dataclass(frozen=True, slots=True)
class SessionStarted:
    """Everything is open; sound flows from now on. `vad` is the name of what detects speech, if it has one."""

    vad: str = ""


class TurnAct(Enum):
    """What the turn machine decides."""

    COMMIT = "commit"  # the caller's turn is complete: a reply starts
    CONFIRM = "confirm"  # the same, for a reply that was begun as a guess
    SPECULATE = "speculate"  # begin the reply while the pause is still being judged
    DISCARD = "discard"  # discard that reply
    FINALIZE = "finalize"  # ask the stt for its final words in this pause
    WAIT = "wait"  # the turn is not over yet, whatever the stt's endpoint says
    PROMPT = "prompt"  # speak without being asked
    HOLD = "hold"  # pause the reply to decide whether this is an interruption
    RELEASE = "release"  # it was no interruption
    CUT = "cut"  # it was an interruption
    IGNORE = "ignore"  # words or sound that are not the caller's
    DROP_PROMPT = "drop prompt"  # the prompt will not be spoken
    CLOSE = "close"  # the call is over


@dataclass(frozen=True, slots=True)
class Decided:
    """One decision of the turn machine: `act` on reply `turn` (None where it is about none), and why.

    `about` is the reason of the prompt that was dropped. `str()` is its line in the log.
    """

    act: TurnAct
    turn: int | None
    why: str
    about: str | None = None

    @property
    def what(self) -> str:
        """The act and its object in words: "cut 1"."""
        about = "" if self.about is None else f" {self.about!r}"
        return f"{self.act.value}{about}" + ("" if self.turn is None else f" {self.turn}")

    def __str__(self) -> str:
        return f"{self.what} ({self.why})"


@dataclass(frozen=True, slots=True)
class TurnCommitted:
    """The caller's turn is complete; reply `turn` starts."""

    turn: int
    text: str
    reason: str


@dataclass(frozen=True, slots=True)
class TurnEnded:
    """Reply `turn` is over: the handler said `said`, the caller heard `heard`."""

    turn: int
    said: str
    heard: str
    cut: bool


@dataclass(frozen=True, slots=True)
class Overrun:
    """A link was full and `samples` of sound were dropped; a Gap stands in their place."""

    link: str
    samples: int


@dataclass(frozen=True, slots=True)
class Underrun:
    """Reply `turn` had nothing to play for `samples`, in the middle of the handler's words."""

    turn: int
    samples: int


@dataclass(frozen=True, slots=True)
class Trouble:
    """Something failed and the call goes on: `where` names the stage or the plugin."""

    where: str
    error: Exception


@dataclass(frozen=True, slots=True)
class Switched:
    """A service failed with `error` and another stands in for it; `role` is "stt", "tts" or "model".

    `crosses` names the two regions if the switch leaves one: "eu to us". A voice of one region need not exist in
    another.
    """

    role: str
    left: str
    taken: str
    error: Exception
    crosses: str | None = None


@dataclass(frozen=True, slots=True)
class Blocked:
    """The task `where` kept the event loop to itself for `seconds` of real time; every call in the process waited."""

    where: str
    seconds: float


@dataclass(frozen=True, slots=True)
class ModelAnswered:
    """A model's answer in reply `turn` is over; `stop` is the reason. Times count from the request, in seconds."""

    turn: int
    model: str
    stop: str
    first_token: float | None
    seconds: float
    input_tokens: int | None = None
    output_tokens: int | None = None


@dataclass(frozen=True, slots=True)
class ToolRan:
    """A tool that the model called in reply `turn` is over, after `seconds`; what it was given and returned is private.

    `outcome` is "result", "failed", "late" (its time was up), "cancelled" (the caller interrupted), or "refused" (there
    is no such tool, or the arguments were wrong).
    """

    turn: int
    name: str
    outcome: Literal["result", "failed", "late", "cancelled", "refused"]
    seconds: float


@dataclass(frozen=True, slots=True)
class BargeInTimed:
    """Reply `turn` was cut `seconds` after the caller began to speak over it."""

    turn: int
    seconds: float


@dataclass(frozen=True, slots=True)
class TurnTimed:
    """Reply `turn` has become audible, and these are the seconds that the caller waited for it.

    `decision` is from the caller's last speech, as the detector heard it, until the turn was committed: the recogniser,
    the pause, the judgement; of that, the last final words came after `stt`. `handler` is from there to the first word,
    `tts` from the first word to the first sound, `total` all of it. None is unknown: the caller did not speak, or the
    reply was begun before the turn was committed (`handler` is then 0.0).
    """

    turn: int
    reason: str
    stt: float | None
    decision: float | None
    handler: float
    tts: float | None
    total: float


@dataclass(frozen=True, slots=True)
class AnsweredBy:
    """The carrier has found out who answered an outbound call. `greeted`: a machine's greeting is over; speak now."""

    who: Literal["human", "machine", "fax", "unknown"]
    greeted: bool = False


@dataclass(frozen=True, slots=True)
class Transferred:
    """The caller was handed over (`error` is None), or the carrier refused to."""

    error: Exception | None = None


@dataclass(frozen=True, slots=True)
class SessionEnded:
    """The call is over; `error` is what ended it, None where it ended as it should. `limit`: see End."""

    why: str
    error: BaseException | None = None
    limit: bool = False


CallNews: TypeAlias = AnsweredBy | Transferred
"""What the connection to a caller knows beside its sound, and the turn machine need not."""

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
