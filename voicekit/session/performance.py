"""Performs replies: each has a lease on the sink and its own run of the reply pipeline, and can be cut, held and
released.

A guessed reply is performed in the same way, except that its turn has not been committed yet. Until the commit, the
reply waits at the gate (see `voicekit.session.speculation`), and so does any request from its handler to end the call.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

from voicekit.contracts import Reply, ReplyScope, Tts, this_reply
from voicekit.events import CollectKeys, ExpectedAnswer, SessionEvent, Signal, Speculate, StartReply
from voicekit.flow.groups import alone
from voicekit.flow.link import Outlet, open_link
from voicekit.flow.stage import Run
from voicekit.flow.store import count
from voicekit.play.lease import PlaybackLease
from voicekit.play.playout import Playout
from voicekit.reply.handler import Turn
from voicekit.session.speculation import Commitment


class ReplyRun:
    """The performance of one reply; see `voicekit.turn.conductor.Performance`."""

    def __init__(
        self,
        turn: Turn,
        reply: Reply,
        *,
        commitment: Commitment,
        lease: PlaybackLease,
        voice: Tts,
        speak: Run[Any, Any],
        outlet: Outlet[Signal],
    ) -> None:
        self.reply = reply
        self._turn = turn
        self._commitment = commitment
        self._lease = lease
        self._voice = voice
        self._speak = speak
        self._outlet = outlet

    @property
    def queued(self) -> float:
        return self._lease.queued_seconds

    async def run(self) -> None:
        this_reply.set(ReplyScope(self.reply, self._lease, self._commitment))
        question, inbox = open_link(1, weigh=count, name="the turn to the handler")
        with inbox, self._outlet.clone() as outbox:
            with question:
                question.offer(self._turn)
            await self._speak(inbox, outbox)

    def confirm(self, text: str) -> None:
        self.reply.text = text
        self._commitment.make()

    def cut(self) -> None:
        """Silence the reply from now on. The lease must be revoked first, so that no audio is written after the queued
        audio is discarded."""
        with alone(stage=Playout.name):
            self._lease.revoke()
        with alone(stage=self._voice.name):
            self._voice.cut()

    def hold(self) -> None:
        with alone(stage=Playout.name):
            self._lease.hold()

    def release(self) -> None:
        with alone(stage=Playout.name):
            self._lease.release()


class Performer:
    """Begins replies, but only after all parts have been opened."""

    def __init__(
        self,
        playout: Playout,
        voice: Tts,
        *,
        speak: Run[Any, Any],
        outlet: Outlet[Signal],
        report: Callable[[SessionEvent], None],
        make_turn: Callable[[Reply], Turn],
    ) -> None:
        self._playout = playout
        self._voice = voice
        self._speak = speak
        self._outlet = outlet
        self._report = report
        self._make_turn = make_turn
        self.reply: Reply | None = None  # the last committed reply

    def begin(self, command: StartReply | Speculate) -> ReplyRun:
        if isinstance(command, StartReply):
            reply = Reply(command.turn, command.text, command.reason, command.script)
        else:
            reply = Reply(command.turn, command.text, "speech")
        with alone(stage=Playout.name):
            lease = self._playout.lease(reply, self._report)
        commitment = Commitment(made=isinstance(command, StartReply))
        commitment.when_made(partial(self._commit_to, reply))
        turn = _committed_by(commitment, self._make_turn(reply))
        return ReplyRun(
            turn,
            reply,
            commitment=commitment,
            lease=lease,
            voice=self._voice,
            speak=self._speak,
            outlet=self._outlet,
        )

    def _commit_to(self, reply: Reply) -> None:
        self.reply = reply


def _committed_by(commitment: Commitment, turn: Turn) -> Turn:
    """`turn` as its handler sees it: if it is a guess, the handler's requests wait for the commit."""
    if commitment.event.is_set():
        return turn

    def end(farewell: str | None) -> None:
        commitment.when_made(partial(turn.end_call, farewell))

    def listen_for(answer: ExpectedAnswer) -> None:
        commitment.when_made(partial(turn.listen_for, answer))

    def collect(wanted: CollectKeys) -> None:
        commitment.when_made(partial(turn.order_keys, wanted))

    def transfer(to: str, sorry: str | None) -> None:
        commitment.when_made(partial(turn.hand_over, to, sorry))

    return replace(
        turn,
        speculative=True,
        commitment=commitment.event,
        end_call=end,
        order_keys=collect,
        hand_over=transfer,
        listen_for=listen_for,
    )
