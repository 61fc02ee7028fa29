"""Speech on a real Asterisk: recorded people ask, the local server understands and answers, the caller interrupts."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from voicekit import CallPolicy, Policy, Session
from voicekit.call.connection import Call
from voicekit.events import HeardSoFar, SessionEvent, TurnEnded
from voicekit_asterisk.testing.pbx import Pbx
from voicekit_local.wer import word_errors

pytestmark = pytest.mark.real

WAYS = ("audiosocket", "chan_websocket", "ari")
SPEECH = Path(__file__).parents[3] / "tests" / "data" / "speech"
CALLER = Path(__file__).parents[2] / "voicekit-local" / "voicekit_local" / "demo" / "caller"

QUESTION = "I would also like to book a table for four people on Friday evening."
ANSWER = "I can help you with that. What day works best for you?"
STORY = (
    "Once upon a time there was a telephone that nobody ever called. It stood in a quiet hall, and it had learned all "
    "the numbers of the town by heart. One winter night, when the snow lay deep on the wires, it made up its mind."
)


@pytest.mark.parametrize("way", WAYS)
async def test_a_question_is_understood_and_the_answer_recognised(
    pbx: Pbx,
    line: Callable[..., Any],
    service: Any,
    recognised: Callable[..., Any],
    telephone: Callable[..., float],
    cost: Any,
    way: str,
) -> None:
    """The caller's recorded words reach the bot, and Asterisk's own recording has the answer, word for word."""
    telephone(CALLER / "table.flac", pbx.sound("table.wav"), silence=1.0)
    asked: list[str] = []
    events: list[SessionEvent] = []

    async def bot(turn: Any, say: Any) -> None:
        asked.append(turn.text)
        await say(ANSWER)

    def answer(call: Call) -> Session:
        session = Session(handler=bot, call=call, stt=service.transcriber(), tts=service.voice())
        session.watch(events.append)
        return session

    async with line(answer, session=True) as it:
        await it.call(way, f"asks-table-{way}")
        call = await it.begun()
        await it.until(lambda: any(isinstance(event, TurnEnded) and event.heard for event in events), 40)
        call.hang_up()
        await it.empty()
        heard = await recognised(pbx.recording(f"asks-table-{way}-rx.wav"))
    question, reply = word_errors(QUESTION, asked[0]), word_errors(ANSWER, heard)
    cost.lines.append(
        f"speech over {way}: {question.wrong} of {question.words} words of the caller wrong, "
        f"{reply.wrong} of {reply.words} of the bot"
    )
    assert question.rate <= 0.1, asked
    assert reply.rate <= 0.1, heard


@pytest.mark.parametrize("way", WAYS)
async def test_the_caller_interrupts(
    pbx: Pbx,
    line: Callable[..., Any],
    service: Any,
    recognised: Callable[..., Any],
    telephone: Callable[..., float],
    cost: Any,
    way: str,
) -> None:
    """Speech of the caller cuts the bot: the words in Asterisk's recording end where the history ends."""
    telephone(CALLER / "stop.flac", pbx.sound("stop.wav"), silence=1.0)
    ended: list[TurnEnded] = []
    heard: list[HeardSoFar] = []
    asked: list[str] = []

    async def bot(turn: Any, say: Any) -> None:
        asked.append(turn.text)
        await say("All right.")

    def answer(call: Call) -> Session:
        session = Session(
            handler=bot, call=call, stt=service.transcriber(), tts=service.voice(),
            policy=Policy(call=CallPolicy(greeting=STORY)),
        )  # fmt: skip
        session.watch(lambda event: ended.append(event) if isinstance(event, TurnEnded) else None)
        session.watch(lambda event: heard.append(event) if isinstance(event, HeardSoFar) else None)
        return session

    async with line(answer, session=True) as it:
        await it.call(way, f"quiet-interrupts-{way}")
        call = await it.begun()
        await it.until(lambda: len(heard) > 4, 30)
        await it.say("stop")
        await it.until(lambda: len(ended) > 1 and "All right" in ended[-1].heard, 40)
        call.hang_up()
        await it.empty()
        recorded = await recognised(pbx.recording(f"quiet-interrupts-{way}-rx.wav"))
    assert ended[0].cut
    assert 4 < len(ended[0].heard.split()) < len(STORY.split())
    difference = word_errors(f"{ended[0].heard} {ended[-1].heard}", recorded)
    cost.lines.append(
        f"barge-in over {way}: history and recording differ in {difference.wrong} of {difference.words} words"
    )
    assert difference.wrong <= 2, (ended, recorded)
