"""What the turn machine remembers about a call, and the basic acts that its moves are made of.

All changes to the machine's state are made in this file. `commit`, `listen_on` and `rest` also choose the next state,
depending on whether the caller is speaking. Every act that changes the course of a call records a Decided with its
reason.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Sequence

from voicekit.events import (
    AmendTurn,
    AnswerExpected,
    CollectKeys,
    Confirm,
    CutReply,
    Discard,
    Dtmf,
    EarCommand,
    End,
    Final,
    Finalize,
    HoldOutput,
    Interim,
    PauseScored,
    Prompt,
    ReleaseOutput,
    Speculate,
    StartReply,
    TurnAct,
)
from voicekit.turn.advice import AdviceAct
from voicekit.turn.advising import LATE_END, Advising
from voicekit.turn.caller_memory import CallerMemory, LiveReply
from voicekit.turn.key_collector import KeyCollector
from voicekit.turn.policy import Policy
from voicekit.turn.speculations import Speculations
from voicekit.turn.states import TurnState
from voicekit.turn.whose import Levels
from voicekit.writing import letters

# The maximum number of waiting prompts; with more, the last one would be out of date by the time it was spoken.
QUEUED_PROMPTS = 8


class TurnMemory(CallerMemory):
    """What the turn machine remembers about one call. `now` is set before each act; nothing here reads a clock."""

    def __init__(
        self,
        policy: Policy,
        *,
        rate: int,
        stt: bool,
        now: float,
        languages: Sequence[str] = (),
        levels: Levels | None = None,
        finalizes: bool = False,
        scores: bool = False,
    ) -> None:
        super().__init__(policy, rate=rate, stt=stt, now=now, languages=languages, levels=levels)
        self.turn = 0
        self.guesses = Speculations(policy.turn.speculation)
        asks = finalizes and stt  # only in stt mode, since in vad mode a Finalized ends the turn
        self.advising = Advising(policy.turn.advises, rate=rate, finalizes=asks, scores=scores, languages=languages)
        self.prompts: deque[Prompt] = deque()
        self.idle_prompts = 0  # the number of idle prompts since the caller last spoke
        self.ending: str | None = None  # the reason to end the call once the live reply is over
        self.limited = False  # whether the call ends because of a limit
        self.waiting_since = now
        self.owed_since: float | None = None  # the time of a cut that has not been followed by another reply
        # the time at which the far side put the call on hold; no time passes for a call on hold
        self.held_since: float | None = None
        self.keys = KeyCollector()

    @property
    def deadline(self) -> float:
        """The time at which the machine must act even if there is no event."""
        if self.held_since is not None:
            return math.inf
        match self.state:
            case TurnState.WAITING:
                return min(self._idle_at, self.first_key_due)
            case TurnState.SETTLING if self.keys.begun:
                return self.settling_since + self.keys.within
            case TurnState.HEARING | TurnState.SETTLING if self.owed_since is not None and not self.book.noted:
                return self.owed_since + self.policy.interrupt.regret
            case TurnState.HEARING:
                return self._noise_ends
            case TurnState.SETTLING:
                return min(self.settled_at, self._guess_at, self.commit_at)
            case TurnState.DOUBTING:
                return self.doubt.until
        return math.inf

    @property
    def _noise_ends(self) -> float:
        """The time at which a sound without words has lasted long enough to answer the words before it, or to
        prompt."""
        since = max(self.settling_since, self.speech.since)
        if self.book or self.keys.begun:
            return math.inf if self.ears_down and not self.keys.begun else since + self.policy.turn.noise
        idle = self.policy.call.idle_after
        return math.inf if idle is None else since + max(idle, self.policy.turn.noise)

    @property
    def _idle_at(self) -> float:
        idle_after = self.policy.call.idle_after
        return math.inf if idle_after is None else self.waiting_since + idle_after

    @property
    def first_key_due(self) -> float:
        """The time by which the first of the requested keys must be pressed."""
        return math.inf if self.keys.first is None else self.waiting_since + self.keys.first

    @property
    def settled_at(self) -> float:
        """The time at which the pause will have lasted long enough."""
        return self.settling_since + self.pause_time

    @property
    def commit_at(self) -> float:
        """The time at which the adviser commits the turn; infinity if it does not."""
        return self.advising.commit_at if self.book.noted and not self.source_ended else math.inf

    @property
    def _guess_at(self) -> float:
        """The time at which to guess that no more words follow in this pause."""
        return max(self.settling_since, self.guesses.due) if self.book.noted else math.inf

    @property
    def pause_time(self) -> float:
        """How long the pause must last to end the turn: `settle_time`, unless the adviser wants another length."""
        advised = self.book.noted and not self.source_ended
        return self.advising.settle_time(self.settle_time) if advised else self.settle_time

    @property
    def yields(self) -> bool:
        """Whether speech can hold or cut the live reply."""
        barred = self.ending is not None or self.source_ended or not self.policy.interrupt.barge_in
        return self.reply.interruptible and not barred

    def enter(self, state: TurnState) -> None:
        self.state = state

    def pause(self) -> None:
        """Start to judge a pause, since the caller is quiet."""
        self.enter(TurnState.SETTLING)
        self.settling_since = self.now

    def consult(self) -> None:
        """Ask the adviser about the words before this pause, if there are any."""
        if self.state is not TurnState.SETTLING or not self.book.noted or self.source_ended:
            return
        noted, before = self.book.noted, self.advising.advice
        commands = self.advising.consult(noted.words, tail=bool(noted.tail), asked=self.whose.asked, now=self.now)
        advice = self.advising.advice
        if advice.act is AdviceAct.WAIT and advice != before:
            self.decide(TurnAct.WAIT, f"{advice.seconds:g} s: {advice.why}")
        self._ask(commands, advice.why)

    def ask_for_finals(self, why: str) -> None:
        """Ask the stt for the final words before this pause, if it can be asked and has not just been asked. This has
        no effect before the detector has heard the words end, since the request would cut the last word in two.
        """
        if self.book.noted.end <= self.speech.stopped_at + LATE_END * self.rate:
            self._ask(self.advising.finalize(self.now), why)

    def _ask(self, commands: Sequence[EarCommand], why: str) -> None:
        self.commands += commands
        if any(isinstance(command, Finalize) for command in commands):
            self.decide(TurnAct.FINALIZE, why)

    def heed(self, event: AnswerExpected | PauseScored) -> None:
        """Pass a fact on to the adviser: what kind of answer the reply asks for, or the score of the pause."""
        if isinstance(event, AnswerExpected):
            self.advising.expect(event.answer)
        else:
            self.advising.score(event.at, event.probability)

    def sound(self) -> None:
        """Record that the first sample of the reply was heard; if the reply is being held now, the sample was heard
        before the hold.
        """
        self.reply.audible = True
        if self.state is TurnState.REPLYING:
            self.state = TurnState.SPEAKING

    def finish(self) -> None:
        """Record that the reply has ended without being cut."""
        self.live, self.sounded_at = None, self.now

    def note_stt(self, *, down: bool) -> None:
        self.ears_down = down
        if self.speech.talking and not down:  # some words are still to come
            self.settling_since = self.now

    def note(self, event: Interim | Final) -> None:
        """Remember the words of `event`, which may refute a guess."""
        for amended in self.hear(event):
            self.commands.append(AmendTurn(amended.turn, amended.text))
        if self.book.noted and self.owed_since is not None:
            self.owed_since = self.now
        if self.guesses.on and self.guesses.note(self.book.text, self.now):
            self.discard("the words changed")

    def queue(self, prompt: Prompt) -> None:
        """Keep `prompt` for the next silence. If too many prompts are waiting, the oldest is dropped; while the call is
        ending, `prompt` itself is dropped.
        """
        if self.ending is not None:
            self.decide(TurnAct.DROP_PROMPT, "the call is ending", about=prompt.reason)
            return
        if len(self.prompts) == QUEUED_PROMPTS:
            oldest = self.prompts.popleft()
            self.decide(TurnAct.DROP_PROMPT, f"{QUEUED_PROMPTS} newer ones are waiting", about=oldest.reason)
        self.prompts.append(prompt)

    def start(self, reason: str, text: str = "", *, script: str | None = None, interruptible: bool = True) -> None:
        self.discard("the reply is to something else")
        self._begin(interruptible)
        self.commands.append(StartReply(self.turn, text, reason, script, interruptible))
        self._begin_held()

    def _begin(self, interruptible: bool = True) -> None:
        """Make a new reply the live one."""
        self.turn += 1
        self.live = LiveReply(self.turn, None, interruptible)
        self.owed_since = None
        self.whose.begin()
        self.state = TurnState.REPLYING
        self.guesses.start_over()

    def _begin_held(self) -> None:
        """If the far side has put the call on hold, hold the new reply until the call is resumed."""
        if self.held_since is not None:
            self.commands.append(HoldOutput(self.turn))

    def speculate(self) -> None:
        """Begin the reply to the words so far, and continue to judge the pause."""
        turn, text = self.turn + 1, self.book.text
        self.guesses.make(turn, text)
        self.commands.append(Speculate(turn, text))
        self.decide(TurnAct.SPECULATE, self.guesses.why, turn)

    def discard(self, why: str) -> None:
        """Discard the speculative reply, if there is one."""
        if self.guesses.live is not None:
            turn, self.guesses.live = self.guesses.live.turn, None
            self.commands.append(Discard(turn))
            self.decide(TurnAct.DISCARD, why, turn)

    def speak(self, prompt: Prompt) -> None:
        self.start(prompt.reason, script=prompt.text, interruptible=prompt.interruptible)
        self.decide(TurnAct.PROMPT, f"{prompt.reason}, not asked for by the caller", self.turn)

    def prompt_idle(self, why: str) -> None:
        self.idle_prompts += 1
        self.start("idle", script=self.policy.call.idle_prompt)
        self.decide(TurnAct.PROMPT, why, self.turn)

    def hold(self, why: str) -> None:
        self.close_stale()
        self.state = TurnState.DOUBTING
        self.doubt.begin(self.now, self.policy.interrupt.doubt)
        self.speech.doubt()
        if self.held_since is None:
            self.commands.append(HoldOutput(self.reply.turn))
        self.decide(TurnAct.HOLD, why, self.reply.turn)

    def release(self, why: str) -> None:
        """Resume the reply; if the words change, they are judged again."""
        self.doubt.let_pass = letters(self.book.noted.text)
        self.guesses.start_over()
        self.state = TurnState.SPEAKING if self.reply.audible else TurnState.REPLYING
        if self.held_since is None:
            self.commands.append(ReleaseOutput(self.reply.turn))
        self.decide(TurnAct.RELEASE, why, self.reply.turn)

    def note_hold(self, held: bool) -> None:
        """Record that the far side has put the call on hold, or has resumed it. While the call is on hold, the reply is
        paused and every deadline is postponed."""
        if held is (self.held_since is not None):
            return
        if held:
            self.held_since = self.now
        elif self.held_since is not None:
            away, self.held_since = self.now - self.held_since, None
            self.waiting_since += away
            self.settling_since += away
            self.aside_since += away
            self.speech.since += away
            self.doubt.put_off(away)
            self.owed_since = None if self.owed_since is None else self.owed_since + away
        if self.live is not None and self.state is not TurnState.DOUBTING:  # a reply in doubt is held anyway
            act, order = (TurnAct.HOLD, HoldOutput) if held else (TurnAct.RELEASE, ReleaseOutput)
            self.commands.append(order(self.live.turn))
            self.decide(act, "the far side holds the call" if held else "the far side is back", self.live.turn)

    def collect(self, wanted: CollectKeys) -> None:
        """Collect the caller's next keys. Until a key is pressed, a newer request replaces this one."""
        if self.keys.order(wanted) and self.state is TurnState.WAITING:
            self.waiting_since = self.now

    def press(self, event: Dtmf) -> None:
        """Record a key press that belongs to the collected keys."""
        if self.keys.press(event.digit):
            self.discard("a key was pressed")
            self.book.read(event, "keys")

    def await_key(self) -> None:
        """Wait for the next key, in silence or while the caller is speaking. If a reply was cut earlier, the caller is
        no longer owed another reply."""
        self.owed_since = None
        if self.speech.talking:
            self.state = TurnState.HEARING
            self.settling_since = self.now
        else:
            self.pause()

    def take_keys(self, why: str) -> None:
        """Make a turn from the keys and any words. Without keys and words, the turn is empty."""
        self.keys.stop()
        if self.book:
            self.commit(why)
        else:
            self.idle_prompts = 0
            self.start("keys")
            self.decide(TurnAct.COMMIT, why, self.turn)

    def cut(self, why: str) -> None:
        """Cut the reply; if none of it was heard, the question that it answered is put back. The next state is not
        decided here."""
        live, self.live, self.sounded_at = self.reply, None, self.now
        if not live.audible and live.question is not None:
            self.book.put_back = live.question
            why += "; not audible yet, its question is put back"
        self.commands.append(CutReply(live.turn))
        self.decide(TurnAct.CUT, why, live.turn)

    def cut_for_speech(self, why: str) -> None:
        """Cut the reply because the caller is speaking. The caller gets another reply even if the sound contains no
        words."""
        self.cut(why)
        self.owed_since = self.settling_since = self.now
        self.state = TurnState.HEARING if self.speech.talking else TurnState.SETTLING

    def commit(self, why: str, upto: int = 0) -> None:
        """Ask for a reply to all words: spoken, typed or put back. If there are none, keep listening."""
        if not self.book:
            self.listen_on()
            return
        self.keys.stop()
        question = self.book.ask(self.turn + 1, upto)
        self.advising.start_over()
        self.whose.learn(question.spoken.words)
        self.idle_prompts = 0
        confirmed = question.reason == "speech" and self.guesses.confirmed_by(question.text)
        if confirmed:
            self._begin()
            self.commands.append(Confirm(self.turn, question.text))
            self._begin_held()
        else:
            self.start(question.reason, question.text)
        self.reply.question = question
        self.decide(TurnAct.CONFIRM if confirmed else TurnAct.COMMIT, why, self.turn)

    def after_reply(self, turn: int) -> None:
        """After reply `turn` has ended without being cut, answer the words that were kept, or listen to those that are
        still arriving.
        """
        self.close_stale()
        self.recall_answer()
        if self.book.typed:
            self.commit(f"kept while reply {turn} ran")
        elif self.speech.talking:
            self.state = TurnState.HEARING
        elif self.book.noted and not self.source_ended:
            self.state = TurnState.SETTLING
        else:
            self.commit(f"said while reply {turn} ran")

    def listen_on(self) -> None:
        """Without words to answer, keep listening, wait until it is time to regret a cut, or rest."""
        if self.speech.talking:
            self.state = TurnState.HEARING
        elif self.owed_since is None:
            self.rest()
        else:
            self.state = TurnState.SETTLING

    def rest(self) -> None:
        """In silence, speak the next prompt, end the call if its end was requested, or wait."""
        if self.prompts:
            self.speak(self.prompts.popleft())
        elif self.ending is not None or self.source_ended:
            self.close(self.ending or "the source has ended")
        else:
            self.state = TurnState.WAITING
            self.waiting_since = self.now

    def order_end(self, event: End) -> None:
        """Record that a graceful end was requested. Only the first request counts; its farewell is the last text that
        is spoken.
        """
        if self.ending is None:
            if event.farewell is not None:
                self.queue(Prompt("farewell", event.farewell, interruptible=False))
            self.ending, self.limited = event.why, event.limit

    def go_deaf(self) -> None:
        """Record that the source has ended, so no more audio will arrive."""
        self.source_ended = True
        self.owed_since = None
        self.speech.talking = False

    def close(self, why: str) -> None:
        self.discard("the call is over")
        if self.live is not None:
            self.cut(why)
        self.state = TurnState.CLOSED
        self.decide(TurnAct.CLOSE, why)
