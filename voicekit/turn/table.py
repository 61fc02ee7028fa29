"""The turn table: for every state and every kind of event, the move and the states to which it may lead.

Every cell is written out, even where it is `IGNORE`, and a test proves that each declared transition can happen and
that no others do. Each row is one state. Rules that no row can show are in `voicekit.turn.machine`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from msgspec import Struct

from voicekit.turn import interruptions, moves
from voicekit.turn.memory import TurnMemory
from voicekit.turn.states import Column, TurnState

Move: TypeAlias = Callable[[TurnMemory, Any], None]

WAITING, HEARING, SETTLING, REPLYING, SPEAKING, DOUBTING, CLOSED = TurnState


class Cell(Struct, frozen=True):
    """One move, and every state that the machine may be in after it."""

    move: Move
    to: tuple[TurnState, ...]

    @property
    def name(self) -> str:
        return self.move.__name__.replace("_", " ")


def go(move: Move, *to: TurnState) -> Cell:
    return Cell(move, to)


def _waiting() -> Mapping[Column, Cell]:
    ignore = go(moves.ignore, WAITING)
    return {
        Column.SPEECH_STARTED: go(moves.hear, HEARING),
        Column.SPEECH_STOPPED: ignore,
        Column.WORDS: go(moves.wake, WAITING, SETTLING),
        Column.ENDPOINT: ignore,
        Column.FINALIZED: ignore,
        Column.PROGRESS: ignore,
        Column.STT: go(moves.stt_changed, WAITING),
        Column.TYPED: go(moves.answer, WAITING, SETTLING, REPLYING),
        Column.HOLD: go(moves.far_hold, WAITING),
        Column.COLLECT: go(moves.collect, WAITING),
        Column.AUDIBLE: ignore,
        Column.HEARD: ignore,
        Column.REPLY_OVER: ignore,
        Column.ADVICE: ignore,
        Column.PROMPT: go(moves.speak, REPLYING),
        Column.END: go(moves.end, REPLYING, CLOSED),
        Column.SOURCE_ENDED: go(moves.rest_deaf, CLOSED),
        Column.HANGUP: go(moves.hang_up, CLOSED),
        Column.DEADLINE: go(moves.idle, REPLYING, CLOSED),
    }


def _hearing() -> Mapping[Column, Cell]:
    ignore = go(moves.ignore, HEARING)
    return {
        Column.SPEECH_STARTED: ignore,
        Column.SPEECH_STOPPED: go(moves.pause, SETTLING),
        Column.WORDS: go(moves.note, HEARING),
        Column.ENDPOINT: go(moves.complete, HEARING, REPLYING),
        Column.FINALIZED: ignore,
        Column.PROGRESS: ignore,
        Column.STT: go(moves.stt_changed, HEARING),
        Column.TYPED: go(moves.answer, HEARING, REPLYING),
        Column.HOLD: go(moves.far_hold, HEARING),
        Column.COLLECT: go(moves.collect, HEARING),
        Column.AUDIBLE: ignore,
        Column.HEARD: ignore,
        Column.REPLY_OVER: ignore,
        Column.ADVICE: ignore,
        Column.PROMPT: go(moves.queue, HEARING),
        Column.END: go(moves.end, REPLYING, CLOSED),
        Column.SOURCE_ENDED: go(moves.pause_deaf, SETTLING),
        Column.HANGUP: go(moves.hang_up, CLOSED),
        Column.DEADLINE: go(moves.sound_over, HEARING, REPLYING, CLOSED),
    }


def _settling() -> Mapping[Column, Cell]:
    ignore = go(moves.ignore, SETTLING)
    return {
        Column.SPEECH_STARTED: go(moves.hear, HEARING, SETTLING),
        Column.SPEECH_STOPPED: ignore,
        Column.WORDS: go(moves.note, SETTLING),
        Column.ENDPOINT: go(moves.complete, WAITING, SETTLING, REPLYING, CLOSED),
        Column.FINALIZED: go(moves.complete, WAITING, SETTLING, REPLYING, CLOSED),
        Column.PROGRESS: ignore,
        Column.STT: go(moves.stt_changed, SETTLING),
        Column.TYPED: go(moves.answer, SETTLING, REPLYING),
        Column.HOLD: go(moves.far_hold, SETTLING),
        Column.COLLECT: go(moves.collect, SETTLING),
        Column.AUDIBLE: ignore,
        Column.HEARD: ignore,
        Column.REPLY_OVER: ignore,
        Column.ADVICE: go(moves.heed, SETTLING),
        Column.PROMPT: go(moves.queue, SETTLING),
        Column.END: go(moves.end, REPLYING, CLOSED),
        Column.SOURCE_ENDED: go(moves.commit_deaf, REPLYING, CLOSED),
        Column.HANGUP: go(moves.hang_up, CLOSED),
        Column.DEADLINE: go(moves.pause_over, WAITING, SETTLING, REPLYING, CLOSED),
    }


def _replying() -> Mapping[Column, Cell]:
    ignore = go(moves.ignore, REPLYING)
    return {
        Column.SPEECH_STARTED: go(interruptions.doubt, REPLYING, DOUBTING),
        Column.SPEECH_STOPPED: ignore,
        Column.WORDS: go(interruptions.weigh, HEARING, SETTLING, REPLYING, DOUBTING),
        Column.ENDPOINT: go(interruptions.close, REPLYING),
        Column.FINALIZED: go(interruptions.close, REPLYING),
        Column.PROGRESS: ignore,
        Column.STT: go(moves.stt_changed, REPLYING),
        Column.TYPED: go(interruptions.interject, HEARING, SETTLING, REPLYING),
        Column.HOLD: go(moves.far_hold, REPLYING),
        Column.COLLECT: go(moves.collect, REPLYING),
        Column.AUDIBLE: go(interruptions.audible, SPEAKING),
        Column.HEARD: ignore,
        Column.REPLY_OVER: go(interruptions.reply_over, WAITING, HEARING, SETTLING, REPLYING, CLOSED),
        Column.ADVICE: go(moves.heed, REPLYING),
        Column.PROMPT: go(moves.queue, REPLYING),
        Column.END: go(interruptions.end_reply, REPLYING, CLOSED),
        Column.SOURCE_ENDED: go(interruptions.finish_deaf, REPLYING),
        Column.HANGUP: go(moves.hang_up, CLOSED),
        Column.DEADLINE: ignore,
    }


def _speaking() -> Mapping[Column, Cell]:
    ignore = go(moves.ignore, SPEAKING)
    return {
        Column.SPEECH_STARTED: go(interruptions.doubt, SPEAKING, DOUBTING),
        Column.SPEECH_STOPPED: ignore,
        Column.WORDS: go(interruptions.weigh, HEARING, SETTLING, SPEAKING, DOUBTING),
        Column.ENDPOINT: go(interruptions.close, SPEAKING),
        Column.FINALIZED: go(interruptions.close, SPEAKING),
        Column.PROGRESS: ignore,
        Column.STT: go(moves.stt_changed, SPEAKING),
        Column.TYPED: go(interruptions.interject, HEARING, SETTLING, REPLYING, SPEAKING),
        Column.HOLD: go(moves.far_hold, SPEAKING),
        Column.COLLECT: go(moves.collect, SPEAKING),
        Column.AUDIBLE: ignore,
        Column.HEARD: ignore,
        Column.REPLY_OVER: go(interruptions.reply_over, WAITING, HEARING, SETTLING, REPLYING, CLOSED),
        Column.ADVICE: go(moves.heed, SPEAKING),
        Column.PROMPT: go(moves.queue, SPEAKING),
        Column.END: go(interruptions.end_reply, SPEAKING, CLOSED),
        Column.SOURCE_ENDED: go(interruptions.finish_deaf, SPEAKING),
        Column.HANGUP: go(moves.hang_up, CLOSED),
        Column.DEADLINE: ignore,
    }


def _doubting() -> Mapping[Column, Cell]:
    ignore = go(moves.ignore, DOUBTING)
    return {
        Column.SPEECH_STARTED: go(interruptions.talk_on, DOUBTING),
        Column.SPEECH_STOPPED: go(interruptions.fall_silent, REPLYING, SPEAKING, DOUBTING),
        Column.WORDS: go(interruptions.weigh_on, HEARING, SETTLING, REPLYING, SPEAKING, DOUBTING),
        Column.ENDPOINT: go(interruptions.judge_utterance, REPLYING, SPEAKING, DOUBTING),
        Column.FINALIZED: go(interruptions.judge_utterance, REPLYING, SPEAKING, DOUBTING),
        Column.PROGRESS: go(interruptions.reconsider, REPLYING, SPEAKING, DOUBTING),
        Column.STT: go(moves.stt_changed, DOUBTING),
        Column.TYPED: go(interruptions.interject, HEARING, SETTLING, REPLYING, DOUBTING),
        Column.HOLD: go(moves.far_hold, DOUBTING),
        Column.COLLECT: go(moves.collect, DOUBTING),
        Column.AUDIBLE: go(interruptions.remember_audible, DOUBTING),
        Column.HEARD: ignore,
        Column.REPLY_OVER: go(interruptions.reply_over, WAITING, HEARING, SETTLING, REPLYING),
        Column.ADVICE: go(moves.heed, DOUBTING),
        Column.PROMPT: go(moves.queue, DOUBTING),
        Column.END: go(interruptions.end_doubt, REPLYING, SPEAKING, CLOSED),
        Column.SOURCE_ENDED: go(interruptions.decide_deaf, REPLYING, SPEAKING),
        Column.HANGUP: go(moves.hang_up, CLOSED),
        Column.DEADLINE: go(interruptions.decide_doubt, HEARING, SETTLING, REPLYING, SPEAKING),
    }


def _closed() -> Mapping[Column, Cell]:
    ignore = go(moves.ignore, CLOSED)
    return {
        Column.SPEECH_STARTED: ignore,
        Column.SPEECH_STOPPED: ignore,
        Column.WORDS: ignore,
        Column.ENDPOINT: ignore,
        Column.FINALIZED: ignore,
        Column.PROGRESS: ignore,
        Column.STT: ignore,
        Column.TYPED: ignore,
        Column.HOLD: ignore,
        Column.COLLECT: ignore,
        Column.AUDIBLE: ignore,
        Column.HEARD: ignore,
        Column.REPLY_OVER: ignore,
        Column.ADVICE: ignore,
        Column.PROMPT: ignore,
        Column.END: ignore,
        Column.SOURCE_ENDED: ignore,
        Column.HANGUP: ignore,
        Column.DEADLINE: ignore,
    }


TABLE: Mapping[TurnState, Mapping[Column, Cell]] = {
    WAITING: _waiting(),
    HEARING: _hearing(),
    SETTLING: _settling(),
    REPLYING: _replying(),
    SPEAKING: _speaking(),
    DOUBTING: _doubting(),
    CLOSED: _closed(),
}
