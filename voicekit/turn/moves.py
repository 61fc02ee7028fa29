"""The moves of the turn table: what happens in one cell. Each is short and named as the table shows it.

A move is called with the floor and the event (None at a deadline) and leaves `floor.state` in one of the states that
its cell declares. It writes nothing itself: `voicekit.turn.memory` does. What an event means in *every* state (who is
talking, which reply it is about) is settled before, in `voicekit.turn.machine`.
"""

from __future__ import annotations

from voicekit.events import (
    CallerHeld,
    CollectKeys,
    Dtmf,
    End,
    Endpoint,
    Final,
    Finalized,
    Interim,
    Prompt,
    ReplyDone,
    ReplyFailed,
    Signal,
    SttDown,
    SttUp,
    TurnAct,
    Typed,
)
from voicekit.turn.memory import TurnMemory
from voicekit.turn.states import TurnState


def ignore(floor: TurnMemory, event: Signal | None) -> None:
    """Nothing changes here."""


# --- while nobody replies ---


def hear(floor: TurnMemory, event: Signal | None) -> None:
    if floor.speech.talking:
        floor.enter(TurnState.HEARING)


def pause(floor: TurnMemory, event: Signal | None) -> None:
    floor.pause()


def note(floor: TurnMemory, event: Interim | Final) -> None:
    floor.note(event)


def wake(floor: TurnMemory, event: Interim | Final) -> None:
    """Words without a speech mark: the stt caught what the detector missed."""
    floor.note(event)
    if floor.book.noted:
        floor.enter(TurnState.SETTLING)


def complete(floor: TurnMemory, event: Endpoint | Finalized) -> None:
    if _believed(floor, event) and not floor.keying:
        floor.commit(_why_complete(floor, event), event.at)


def pause_over(floor: TurnMemory, event: None) -> None:
    if floor.keying:
        floor.take_keys(f"no other key within {floor.keys.within:g} s")
    elif floor.owed_since is not None and not floor.book.noted:
        regret(floor, event)
    elif floor.now < floor.settled_at:
        floor.speculate()
    else:
        floor.commit(_why_settled(floor))


def regret(floor: TurnMemory, event: None) -> None:
    """A reply was cut and no word followed: answer what was put back, or speak without a question."""
    why = f"no word followed the cut within {floor.policy.interrupt.regret:g} s"
    if floor.book.put_back:
        floor.commit(why)
    else:
        floor.start("silence")
        floor.decide(TurnAct.SILENCE, why, floor.turn)


def answer(floor: TurnMemory, event: Typed | Dtmf) -> None:
    if isinstance(event, Dtmf) and floor.collecting is not None:
        _collect(floor, event)
    elif not _blank(event):
        floor.book.read(event)
        floor.commit(_why_read(event))


def idle(floor: TurnMemory, event: None) -> None:
    if floor.now >= floor.first_key_due:
        floor.take_keys("no key was pressed in time")
        return
    call = floor.policy.call
    why = f"nobody spoke for {call.idle_after:g} s"
    if call.idle_limit is not None and floor.idle_prompts >= call.idle_limit:
        floor.order_end(End(True, f"{why}, after {floor.idle_prompts} idle prompts", call.farewell))
        floor.rest()
    else:
        floor.prompt_idle(why)


# --- while a reply lives ---


def audible(floor: TurnMemory, event: Signal | None) -> None:
    floor.sound()


def remember_audible(floor: TurnMemory, event: Signal | None) -> None:
    floor.sound()


def doubt(floor: TurnMemory, event: Signal | None) -> None:
    if floor.yields:
        floor.hold("speech started")


def weigh(floor: TurnMemory, event: Interim | Final) -> None:
    """Words against the reply; where speech has no say, they are only kept."""
    floor.note(event)
    if not floor.book.noted or not floor.yields:
        return
    words = floor.book.noted.words
    if why := floor.scales.cuts(words):
        floor.cut_for_speech(why)
    elif floor.state is not TurnState.DOUBTING:
        floor.hold(f"words of weight {floor.scales.weight(words)}, {floor.policy.interrupt.min_words} would cut")


def judge(floor: TurnMemory, event: Endpoint | Finalized) -> None:
    """The utterance that raised the doubt is complete."""
    final_only = isinstance(event, Finalized) and floor.speech.talking
    if not _believed(floor, event) or final_only or not floor.book.noted:
        return
    if floor.scales.weight(floor.book.noted.words):
        floor.cut("the words in doubt are a turn of their own")
        floor.commit(_why_complete(floor, event), event.at)
    else:
        floor.release("only backchannels", event.at)


def decide_doubt(floor: TurnMemory, event: None) -> None:
    words = floor.book.noted.words
    missing = round(floor.policy.interrupt.min_speech * floor.rate) - floor.speech.evidence(floor.now)
    if words and not floor.scales.weight(words):
        floor.release("only backchannels")
    elif not floor.speech.talking:
        floor.release("the speech ended within the doubt")
    elif words or missing <= 0:
        floor.cut_for_speech(f"still talking after {floor.policy.interrupt.doubt:g} s of doubt")
    else:
        floor.doubt_on(missing / floor.rate)


def interject(floor: TurnMemory, event: Typed | Dtmf) -> None:
    """A line or a key cuts, unless the reply must be heard or the call is ending: then it is kept, or too late."""
    if _blank(event) or floor.ending is not None:
        return
    if floor.reply.interruptible:
        floor.cut(_why_read(event))
        answer(floor, event)
    elif isinstance(event, Dtmf) and floor.collecting is not None:
        floor.press(event)
    else:
        floor.book.read(event)


def reply_over(floor: TurnMemory, event: ReplyDone | ReplyFailed) -> None:
    """The reply ended by itself; what was kept while it could not be interrupted is committed now."""
    floor.finish()
    if floor.ending is not None:
        floor.rest()
    elif floor.keying:
        _go_on_collecting(floor)
    elif floor.book.typed or (floor.book.noted and not floor.speech.talking):
        floor.commit(f"kept while reply {event.turn} ran")
    else:
        floor.listen_on()


def doubt_is_void(floor: TurnMemory, event: Signal | None) -> None:
    """The held reply ended by itself: the words are judged as if it had never run."""
    floor.finish()
    if floor.book.noted and not floor.speech.talking:
        pause(floor, event)
    else:
        floor.listen_on()


# --- the stt and prompts ---


def stt_changed(floor: TurnMemory, event: SttDown | SttUp) -> None:
    floor.note_stt(down=isinstance(event, SttDown))


def far_hold(floor: TurnMemory, event: CallerHeld) -> None:
    floor.note_hold(event.held)


def collect(floor: TurnMemory, event: CollectKeys) -> None:
    floor.collect(event)


def speak(floor: TurnMemory, event: Prompt) -> None:
    floor.speak(event)


def queue(floor: TurnMemory, event: Prompt) -> None:
    floor.queue(event)


# --- the end of a call ---
#
# An ordered end may still have something to say. After the end of the source nobody talks any more: what was said is
# still answered, and then the call is closed.


def end(floor: TurnMemory, event: End) -> None:
    """No reply lives: say what still is to be said, and close; or close at once."""
    if event.graceful:
        floor.order_end(event)
        floor.rest()
    else:
        floor.close(event.why)


def end_reply(floor: TurnMemory, event: End) -> None:
    if event.graceful:
        floor.order_end(event)
    else:
        floor.close(event.why)


def end_doubt(floor: TurnMemory, event: End) -> None:
    end_reply(floor, event)
    if event.graceful:
        floor.release("the call ends after this reply")


def rest_deaf(floor: TurnMemory, event: Signal | None) -> None:
    floor.go_deaf()
    floor.rest()


def pause_deaf(floor: TurnMemory, event: Signal | None) -> None:
    floor.go_deaf()
    pause(floor, event)


def commit_deaf(floor: TurnMemory, event: Signal | None) -> None:
    floor.go_deaf()
    floor.commit("the source has ended")


def finish_deaf(floor: TurnMemory, event: Signal | None) -> None:
    floor.go_deaf()


def decide_deaf(floor: TurnMemory, event: Signal | None) -> None:
    """Nothing more will be said: words that are more than a backchannel are a turn, all else was none."""
    floor.go_deaf()
    if floor.scales.weight(floor.book.noted.words):
        floor.cut("the source ended on words in doubt")
        floor.commit("the source has ended")
    else:
        floor.release("the source ended without words")


def hang_up(floor: TurnMemory, event: Signal | None) -> None:
    floor.close("the other side hung up")


def _believed(floor: TurnMemory, event: Endpoint | Finalized) -> bool:
    """In stt mode an Endpoint ends a turn, in vad mode a Finalized; either is stale at or below the watermark."""
    return isinstance(event, Endpoint) is floor.stt and event.at > floor.book.heard_to


def _collect(floor: TurnMemory, event: Dtmf) -> None:
    """A key that was asked for: the last of them commits, any other is waited behind."""
    floor.press(event)
    _go_on_collecting(floor)


def _go_on_collecting(floor: TurnMemory) -> None:
    if floor.keys_complete:
        floor.take_keys("the keys are complete")
    else:
        floor.await_key()


def _blank(event: Typed | Dtmf) -> bool:
    return isinstance(event, Typed) and not event.text.strip()


def _why_read(event: Typed | Dtmf) -> str:
    return "typed" if isinstance(event, Typed) else "a key"


def _why_complete(floor: TurnMemory, event: Endpoint | Finalized) -> str:
    kind = "endpoint" if isinstance(event, Endpoint) else "all is final"
    return f"{kind} at {event.at / floor.rate:.2f} s of sound"


def _why_settled(floor: TurnMemory) -> str:
    """Which wait ended, and why it was that long."""
    reason = "no endpoint"
    if not floor.stt:
        reason = "vad mode"
    elif floor.source_ended:
        reason = "the source has ended"
    elif floor.ears_down:
        reason = "the transcriber is down"
    waited = floor.now - floor.settling_since
    return f"waited {waited:.1f} s: {reason}, settle {floor.settle_time:g} s after the last sign of speech"
