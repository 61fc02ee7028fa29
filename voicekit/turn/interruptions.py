"""The moves of the turn table while a reply is live. They decide what holds, cuts and releases the reply.

They are called like the moves in `voicekit.turn.moves`. The timing of a doubt is decided here; `voicekit.turn.doubt`
judges the evidence.
"""

from __future__ import annotations

from voicekit.events import (
    Dtmf,
    End,
    Endpoint,
    Final,
    Finalized,
    Interim,
    Progress,
    ReplyDone,
    ReplyFailed,
    Signal,
    Translated,
    Typed,
)
from voicekit.turn.doubt import DoubtOutcome, DoubtVerdict
from voicekit.turn.memory import TurnMemory
from voicekit.turn.moves import answer, go_on_collecting, is_believed, is_blank, why_read
from voicekit.writing import letters


def audible(floor: TurnMemory, event: Signal | None) -> None:
    floor.sound()


def remember_audible(floor: TurnMemory, event: Signal | None) -> None:
    floor.sound()


# --- the beginning of a doubt ---


def doubt(floor: TurnMemory, event: Signal | None) -> None:
    if floor.yields:
        floor.hold("speech started")


def weigh(floor: TurnMemory, event: Interim | Final) -> None:
    """Weigh the words against the reply; if speech can't interrupt the reply, the words are just kept for later."""
    floor.note(event)
    words = letters(floor.book.noted.text)
    if not floor.yields or words == floor.doubt.let_pass:
        return
    floor.doubt.let_pass = ""  # the words have changed, so they are judged again
    verdict = floor.judge()
    if verdict.outcome is DoubtOutcome.CUT:
        floor.cut_for_speech(verdict.why)
    elif verdict.pending:
        floor.hold("words that are more than a backchannel")
    elif verdict.outcome is DoubtOutcome.OPEN and words and floor.speech.talking:
        floor.hold("words of a caller who goes on talking")


def close(floor: TurnMemory, event: Endpoint | Finalized) -> None:
    """Close an utterance that the recogniser reports as complete: it is kept for the end of the reply, unless it was a
    backchannel."""
    if _closes(floor, event):
        floor.close_utterance(event.at)


# --- the end of a doubt ---


def weigh_on(floor: TurnMemory, event: Interim | Final) -> None:
    before = letters(floor.book.noted.text)
    floor.note(event)
    _consider(floor, fresh=letters(floor.book.noted.text) != before)


def talk_on(floor: TurnMemory, event: Signal | None) -> None:
    """The caller makes a sound again during the doubt: let the doubt continue up to its limit."""
    floor.doubt.go_on()


def fall_silent(floor: TurnMemory, event: Signal | None) -> None:
    _consider(floor, fresh=True)


def reconsider(floor: TurnMemory, event: Progress | Translated) -> None:
    """Judge the doubt again, because the recogniser has made progress."""
    _consider(floor, fresh=False)


def judge_utterance(floor: TurnMemory, event: Endpoint | Finalized) -> None:
    """Judge the utterance in doubt now, because it is complete, even if the detector still hears a sound."""
    if not _closes(floor, event) or not floor.book.noted.finals:
        return _consider(floor, fresh=False)
    verdict = floor.judge(talking=False)
    floor.close_utterance(event.at)
    if verdict.outcome is DoubtOutcome.RELEASE:
        return floor.release(verdict.why)
    return _consider(floor, fresh=False)


def decide_doubt(floor: TurnMemory, event: None) -> None:
    """Decide the doubt at its deadline. Words that are still arriving cut the reply; a sound without words cuts it only
    if the policy says so.
    """
    verdict, policy = floor.judge(), floor.policy.interrupt
    if floor.now < floor.doubt.cap:
        floor.release(_why_let_go(floor, verdict))
    elif verdict.pending:
        floor.cut_for_speech(f"words still come after {policy.doubt:g} s of doubt")
    elif policy.sound_cuts and floor.speech.talking and not floor.book.noted and _is_speech(floor):
        floor.cut_for_speech(f"still sounding after {policy.doubt:g} s of doubt")
    else:
        floor.release(f"no words that cut within {policy.doubt:g} s")


def interject(floor: TurnMemory, event: Typed | Dtmf) -> None:
    """Let a typed line or a key cut the reply. If the reply must be heard, the line or key is kept for later; if the
    call is ending, the line or key is ignored.
    """
    if is_blank(event) or floor.ending is not None:
        return
    if floor.reply.interruptible:
        floor.cut(why_read(event))
        answer(floor, event)
    elif isinstance(event, Dtmf) and floor.keys.wanted is not None:
        floor.press(event)
    else:
        floor.book.read(event)


# --- the end of a reply ---


def reply_over(floor: TurnMemory, event: ReplyDone | ReplyFailed) -> None:
    """The reply has ended without being cut; unanswered words that the caller spoke during the reply now become a
    turn."""
    floor.finish()
    if floor.ending is not None:
        floor.rest()
    elif floor.keys.begun:
        go_on_collecting(floor)
    else:
        floor.after_reply(event.turn)


def end_reply(floor: TurnMemory, event: End) -> None:
    if event.graceful:
        floor.order_end(event)
    else:
        floor.close(event.why)


def end_doubt(floor: TurnMemory, event: End) -> None:
    end_reply(floor, event)
    if event.graceful:
        floor.release("the call ends after this reply")


def finish_deaf(floor: TurnMemory, event: Signal | None) -> None:
    floor.go_deaf()


def decide_deaf(floor: TurnMemory, event: Signal | None) -> None:
    """The source has ended: release the reply, and answer the caller's words when the reply ends."""
    floor.go_deaf()
    floor.release("the source has ended")


def _consider(floor: TurnMemory, *, fresh: bool) -> None:
    """Judge the doubt again. If `fresh`, the sound or the words have changed, so more words may be coming."""
    verdict = floor.judge()
    if verdict.outcome is DoubtOutcome.CUT:
        floor.cut_for_speech(verdict.why)
    elif verdict.outcome is DoubtOutcome.RELEASE:
        floor.release(verdict.why)
    elif verdict.pending or floor.speech.talking:
        floor.doubt.go_on()
        if not floor.speech.talking:
            floor.ask_for_finals("only words that may still change keep the doubt open")
    elif fresh:
        floor.doubt.wait(floor.now, floor.policy.interrupt.late_words)


def _closes(floor: TurnMemory, event: Endpoint | Finalized) -> bool:
    """Whether `event` ends an utterance. During a reply, an Endpoint counts even in vad mode, since waiting costs
    nothing; a Finalized counts only in vad mode.

    While the caller makes sounds, only an Endpoint in stt mode counts.
    """
    if floor.speech.talking and not (floor.stt and isinstance(event, Endpoint)):
        return False
    return event.at > floor.book.heard_to if isinstance(event, Endpoint) else is_believed(floor, event)


def _why_let_go(floor: TurnMemory, verdict: DoubtVerdict) -> str:
    late = floor.policy.interrupt.late_words
    return f"no {'other ' if floor.book.noted else ''}word within {late:g} s of the end of the sound"


def _is_speech(floor: TurnMemory) -> bool:
    return floor.speech.evidence(floor.now) >= floor.policy.interrupt.min_speech * floor.rate
