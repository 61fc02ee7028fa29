"""The moves of the turn table; those during a reply are in `voicekit.turn.interruptions`.

A move is called with the machine's memory (`floor`) and the event (None at a deadline). It leaves `floor.state` in one
of the states that its cell declares. All changes are made by methods of `voicekit.turn.memory`. The effects that an
event has in *every* state (for example on who is talking) precede the move, and are in `voicekit.turn.machine`.
"""

from __future__ import annotations

from voicekit.events import (
    AnswerExpected,
    CallerHeld,
    CollectKeys,
    Dtmf,
    End,
    Endpoint,
    Final,
    Finalized,
    Interim,
    PauseScored,
    Prompt,
    Signal,
    SttDown,
    SttUp,
    Typed,
)
from voicekit.turn.memory import TurnMemory
from voicekit.turn.states import TurnState


def ignore(floor: TurnMemory, event: Signal | None) -> None:
    """Change nothing."""


# --- while no reply is live ---


def hear(floor: TurnMemory, event: Signal | None) -> None:
    if floor.speech.talking:
        floor.enter(TurnState.HEARING)


def pause(floor: TurnMemory, event: Signal | None) -> None:
    floor.pause()


def note(floor: TurnMemory, event: Interim | Final) -> None:
    floor.note(event)


def wake(floor: TurnMemory, event: Interim | Final) -> None:
    """Note words that arrived without a SpeechStarted: the stt has recognised speech that the detector missed."""
    floor.note(event)
    if floor.book.noted:
        floor.enter(TurnState.SETTLING)


def complete(floor: TurnMemory, event: Endpoint | Finalized) -> None:
    """Commit the turn at the end of an utterance, unless the adviser has said to wait."""
    pausing = floor.state is TurnState.SETTLING and bool(floor.book.noted)
    if floor.keys.begun:
        return
    if is_believed(floor, event) and not (
        pausing and floor.advising.holds(event.at, floor.book.noted.words, floor.now)
    ):
        floor.commit(why_complete(floor, event), event.at)


def heed(floor: TurnMemory, event: AnswerExpected | PauseScored) -> None:
    floor.heed(event)


def pause_over(floor: TurnMemory, event: None) -> None:
    if floor.keys.begun:
        floor.take_keys(f"no other key within {floor.keys.within:g} s")
    elif floor.owed_since is not None and not floor.book.noted:
        regret(floor, event)
    elif floor.now >= floor.commit_at:
        floor.commit(f"adviser: {floor.advising.advice.why}")
    elif floor.now < floor.settled_at:
        floor.speculate()
    else:
        floor.commit(_why_settled(floor))


def sound_over(floor: TurnMemory, event: None) -> None:
    """Deal with a sound that continues without words: it counts as noise, and a cut that it caused is regretted."""
    if floor.keys.begun:
        floor.take_keys(f"no other key, though the sound goes on for {floor.policy.turn.noise:g} s")
    elif floor.owed_since is not None and not floor.book.noted:
        regret(floor, event)
    elif floor.book:
        floor.commit(f"no word for {floor.policy.turn.noise:g} s, though the sound goes on")
    else:
        idle(floor, event)


def regret(floor: TurnMemory, event: None) -> None:
    """If the words that caused a cut have vanished, answer the question that was put back, or keep listening."""
    floor.owed_since = None
    floor.commit(f"no word followed the cut within {floor.policy.interrupt.regret:g} s")


def answer(floor: TurnMemory, event: Typed | Dtmf) -> None:
    if isinstance(event, Dtmf) and floor.keys.wanted is not None:
        _collect(floor, event)
    elif not is_blank(event):
        floor.book.read(event)
        floor.commit(why_read(event))


def idle(floor: TurnMemory, event: None) -> None:
    if floor.now >= floor.first_key_due:
        floor.take_keys("no key was pressed in time")
        return
    call = floor.policy.call
    why = f"nobody spoke for {call.idle_after:g} s"
    if call.idle_limit is not None and floor.idle_prompts >= call.idle_limit:
        floor.order_end(End(True, f"{why}, after {floor.idle_prompts} idle prompts", call.farewell, limit=True))
        floor.rest()
    else:
        floor.prompt_idle(why)


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


# --- the end of a call --- After a request to end, the bot may still speak. After the end of the source, the caller
# can't speak; earlier words are still answered, and then the call is closed.


def end(floor: TurnMemory, event: End) -> None:
    """End the call while no reply is live: either gracefully (after the waiting prompts) or immediately."""
    if event.graceful:
        floor.order_end(event)
        floor.rest()
    else:
        floor.close(event.why)


def rest_deaf(floor: TurnMemory, event: Signal | None) -> None:
    floor.go_deaf()
    floor.rest()


def pause_deaf(floor: TurnMemory, event: Signal | None) -> None:
    floor.go_deaf()
    pause(floor, event)


def commit_deaf(floor: TurnMemory, event: Signal | None) -> None:
    floor.go_deaf()
    floor.commit("the source has ended")


def hang_up(floor: TurnMemory, event: Signal | None) -> None:
    floor.close("the other side hung up")


def is_believed(floor: TurnMemory, event: Endpoint | Finalized) -> bool:
    """Whether `event` ends a turn: it must be an Endpoint in stt mode or a Finalized in vad mode, and its position must
    be after the watermark (the end of the audio that has already been handled)."""
    return isinstance(event, Endpoint) is floor.stt and event.at > floor.book.heard_to


def _collect(floor: TurnMemory, event: Dtmf) -> None:
    """Note a key of the collection: the last key commits the turn; after any other key, the next one is awaited."""
    floor.press(event)
    go_on_collecting(floor)


def go_on_collecting(floor: TurnMemory) -> None:
    if floor.keys.complete:
        floor.take_keys("the keys are complete")
    else:
        floor.await_key()


def is_blank(event: Typed | Dtmf) -> bool:
    return isinstance(event, Typed) and not event.text.strip()


def why_read(event: Typed | Dtmf) -> str:
    return "typed" if isinstance(event, Typed) else "a key"


def why_complete(floor: TurnMemory, event: Endpoint | Finalized) -> str:
    kind = "endpoint" if isinstance(event, Endpoint) else "all is final"
    return f"{kind} at {event.at / floor.rate:.2f} s of sound"


def _why_settled(floor: TurnMemory) -> str:
    """Which wait has ended, and why it was that long."""
    reason = "no endpoint"
    if why := floor.advising.why_waited(floor.settle_time):
        reason = why
    elif not floor.stt:
        reason = "vad mode"
    elif floor.source_ended:
        reason = "the source has ended"
    elif floor.ears_down:
        reason = "the transcriber is down"
    waited = floor.now - floor.settling_since
    return f"waited {waited:.1f} s: {reason}, settle {floor.pause_time:g} s after the last sign of speech"
