"""The moves of the turn table by which a call ends: the order to end, the end of the source, and hanging up.

An ordered end may still have something to say. After the end of the source nobody talks any more: what was said is
still answered, and then the call is closed.
"""

from __future__ import annotations

from voicekit.events import End, Prompt, Signal
from voicekit.turn.floor import TurnMemory
from voicekit.turn.moves import pause


def end(floor: TurnMemory, event: End) -> None:
    """No reply lives: say what still is to be said, and close; or close at once."""
    if event.graceful:
        _order_end(floor, event)
        floor.rest()
    else:
        floor.close(event.why)


def end_reply(floor: TurnMemory, event: End) -> None:
    if event.graceful:
        _order_end(floor, event)
    else:
        floor.close(event.why)


def end_doubt(floor: TurnMemory, event: End) -> None:
    end_reply(floor, event)
    if event.graceful:
        floor.release("the call ends after this reply")


def rest_deaf(floor: TurnMemory, event: Signal | None) -> None:
    _go_deaf(floor)
    floor.rest()


def pause_deaf(floor: TurnMemory, event: Signal | None) -> None:
    _go_deaf(floor)
    pause(floor, event)


def commit_deaf(floor: TurnMemory, event: Signal | None) -> None:
    _go_deaf(floor)
    floor.commit("the source has ended")


def finish_deaf(floor: TurnMemory, event: Signal | None) -> None:
    _go_deaf(floor)


def decide_deaf(floor: TurnMemory, event: Signal | None) -> None:
    """Nothing more will be said: words that are more than a backchannel are a turn, all else was none."""
    _go_deaf(floor)
    if floor.scales.weight(floor.book.noted.words):
        floor.cut("the source ended on words in doubt")
        floor.commit("the source has ended")
    else:
        floor.release("the source ended without words")


def hang_up(floor: TurnMemory, event: Signal | None) -> None:
    floor.close("the other side hung up")


def _order_end(floor: TurnMemory, event: End) -> None:
    """The first graceful order stands; its farewell is the last thing said."""
    if floor.ending is None:
        if event.farewell is not None:
            floor.queue(Prompt("farewell", event.farewell, interruptible=False))
        floor.ending = event.why


def _go_deaf(floor: TurnMemory) -> None:
    floor.source_ended = True
    floor.owed_since = None
    floor.speech.silence()
