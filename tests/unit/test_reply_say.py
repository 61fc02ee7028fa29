"""What `say` hands over, when it waits, and what is left of it when it is cancelled."""

# ruff: noqa: RUF001  # letters of many scripts

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest
import regex
import trio
from hypothesis import given
from hypothesis import strategies as st
from trio.testing import wait_all_tasks_blocked

from tests.unit.reply_kit import BREATH
from voicekit.contracts import Reply, ReplyScope, Text, this_reply
from voicekit.flow import Pipeline, TransformPart, open_link, stage
from voicekit.reply import HandlerStage, Say, Turn, sentences, spoken_forms, strip_markdown
from voicekit.reply.say import BREATH as BREATH_TIME
from voicekit.reply.say import BREATH_AFTER_SENTENCE, breath_after, pieces
from voicekit.reply.text import Rewriting, joined


class Ends:
    """A link of `capacity` characters with a Say at one end."""

    def __init__(self, capacity: int = 400) -> None:
        self.outlet, self.inlet = open_link(capacity)
        self.reply = Reply(1, "question", "speech")
        self.say = Say(self.outlet, self.reply)

    def received(self) -> list[Text]:
        """What is on the link now."""
        items = []
        while True:
            try:
                items.append(self.inlet.receive_nowait())
            except (trio.WouldBlock, trio.EndOfChannel):
                return items

    def __enter__(self) -> Ends:
        return self

    def __exit__(self, *error: object) -> None:
        self.outlet.close()
        self.inlet.close()


async def test_text_goes_to_the_voice_with_its_place_in_the_reply() -> None:
    """Each chunk becomes a Text whose `to` counts on from the chunk before it, and `said` is their sum."""
    with Ends() as ends:
        for chunk in ("He", "llo", " there."):
            await ends.say(chunk)
        assert ends.received() == [Text.raw("He", 0), Text.raw("llo", 2), Text.raw(" there.", 5)]
        assert ends.reply.said == "Hello there."


async def test_whole_sentences_get_the_space_between_them() -> None:
    """Sentences that are said one by one do not run into each other, in what is sent and in what was said."""
    with Ends() as ends:
        for chunk in ("One moment.", "Here it is: it costs $5.", "Anything else?", "Bye!"):
            await ends.say(chunk)
        assert ends.reply.said == "One moment. Here it is: it costs $5. Anything else? Bye!"
        assert joined(ends.received()) == Text.raw(ends.reply.said, 0)


@pytest.mark.parametrize(
    ("chunks", "said"),
    [
        (("ठीक है।", "आप आइए।"), "ठीक है। आप आइए।"),
        (("네.", "알겠습니다.", "저는"), "네.알겠습니다. 저는"),
        (("هل أنت هنا؟", "نعم"), "هل أنت هنا؟ نعم"),
        (("ٹھیک ہے۔", "جی"), "ٹھیک ہے۔ جی"),
        (("Όλα καλά.", "Ναι"), "Όλα καλά. Ναι"),
        (("こんにちは。", "はい"), "こんにちは。はい"),
        (("မင်္ဂလာပါ။", "ဟုတ်ကဲ့"), "မင်္ဂလာပါ။ဟုတ်ကဲ့"),
    ],
)
async def test_sentences_of_all_scripts_get_the_space_that_they_need(chunks: tuple[str, ...], said: str) -> None:
    """Also where there are no capitals; those without spaces get none, nor does a single letter, maybe a token."""
    with Ends() as ends:
        for chunk in chunks:
            await ends.say(chunk)
        assert ends.reply.said == said


@pytest.mark.parametrize(
    ("said", "breath"),
    [
        *(("Done.", BREATH_AFTER_SENTENCE), ("ठीक है।", BREATH_AFTER_SENTENCE), ("شكرا؟", BREATH_AFTER_SENTENCE)),
        *(("好。", BREATH_AFTER_SENTENCE), ("ពិត។", BREATH_AFTER_SENTENCE), ("สวัสดีครับ ", BREATH_AFTER_SENTENCE)),
        *(("It costs 3.", BREATH_TIME), ("Dr.", BREATH_TIME), ("one", BREATH_TIME), ("สวัสดี", BREATH_TIME)),
    ],
)
def test_the_breath_is_short_behind_a_sentence_of_any_script(said: str, breath: float) -> None:
    """In the middle of one a model has the time to finish its word."""
    assert breath_after(said) == breath


@pytest.mark.parametrize("text", ["ที่นี่" * 60, "क्षे" * 90, "👨‍👩‍👧" * 40, "e\u0301" * 150])
def test_pieces_tear_no_character(text: str) -> None:
    """Not even where there is no space at all."""
    ends = {match.end() for match in regex.finditer(r"\X", text)}
    cut = list(pieces(text, 50))
    assert "".join(cut) == text
    assert all(len("".join(cut[: place + 1])) in ends for place in range(len(cut)))


@pytest.mark.parametrize(
    "chunks",
    [
        ("The", " U", ".", "S", ".", " of", " A"),
        ("Node", ".", "JS", " is", " 3", ".", "5"),
        ("One moment. ", "Here"),
        ("One moment", "Here"),
        ("It costs 3.", "5 euros"),
        ("J.", "R.", "Tolkien"),
        ("Hello.\n", "World"),
        ("你好。", "世界"),
    ],
)
async def test_tokens_of_a_model_are_joined_as_they_are(chunks: tuple[str, ...]) -> None:
    """Nothing is put between chunks that are no whole sentences, or have their own white space."""
    with Ends() as ends:
        for chunk in chunks:
            await ends.say(chunk)
        assert ends.reply.said == "".join(chunks)


@pytest.mark.parametrize("wrong", [None, 5, b"bytes", ["text"], Text.raw("text", 0)])
async def test_anything_but_text_is_refused(wrong: object) -> None:
    """A TypeError names what came, and nothing was said."""
    with Ends() as ends:
        with pytest.raises(TypeError, match=rf"say\(\) takes text \(str\), got {type(wrong).__name__}"):
            await ends.say(wrong)  # type: ignore[arg-type]
        assert (ends.reply.said, ends.received()) == ("", [])


async def test_empty_text_says_nothing_and_is_a_checkpoint() -> None:
    """An empty chunk sends nothing, and lets other tasks run, or a cancellation in."""
    with Ends() as ends:
        with trio.testing.assert_checkpoints():
            await ends.say("")
        with trio.CancelScope() as scope:
            scope.cancel()
            await ends.say("")
        assert scope.cancelled_caught
        assert (ends.reply.said, ends.received()) == ("", [])


async def test_a_very_long_text_waits_for_room_piece_by_piece() -> None:
    """20,000 bytes go over a link of 400 characters without ever overfilling it."""
    text = "äbc defgh " * 2000
    with Ends() as ends:
        got: list[Text] = []
        async with trio.open_nursery() as nursery:
            nursery.start_soon(ends.say, text)
            while sum(map(len, got)) < len(text):
                await wait_all_tasks_blocked()
                assert ends.outlet.statistics().level <= 400
                assert len(ends.reply.said) == sum(map(len, got)) + ends.outlet.statistics().level
                got.append(ends.inlet.receive_nowait())
        assert all(len(piece) <= 120 and piece.text.endswith(" ") for piece in got)
        assert joined(got) == Text.raw(text, 0)


async def test_a_link_smaller_than_a_piece_is_no_dead_end() -> None:
    """A piece that is heavier than the whole link passes when the link is empty."""
    with Ends(capacity=10) as ends:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(ends.say, "word " * 40)
            got = [await ends.inlet.receive(), await ends.inlet.receive()]
        assert joined(got).text == "word " * 40


@given(st.text(alphabet="ab \n", min_size=1, max_size=400), st.integers(1, 50))
def test_pieces_are_the_text_and_keep_words_whole_where_they_can(text: str, most: int) -> None:
    """Together they are the text; each is short enough, and a cut within a word means that the piece has no space."""
    cut = list(pieces(text, most))
    assert "".join(cut) == text
    assert all(0 < len(piece) <= most for piece in cut)
    assert all(piece[-1].isspace() or not any(map(str.isspace, piece)) for piece in cut[:-1])


async def test_a_cancelled_say_has_said_what_is_on_the_link() -> None:
    """Cancelled while it waits for room, it has said the whole pieces that were handed over, and no more."""
    with Ends() as ends:
        with trio.CancelScope() as scope:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(ends.say, "one two three four five " * 50)
                await wait_all_tasks_blocked()
                scope.cancel()
        handed_over = joined(ends.received())
        assert 0 < len(handed_over) <= 400
        assert ends.reply.said == handed_over.text


async def test_a_say_that_is_cancelled_before_it_begins_has_said_nothing() -> None:
    """A cancellation that is already there keeps the first piece back."""
    with Ends() as ends:
        with trio.CancelScope() as scope:
            scope.cancel()
            await ends.say("Hello")
        assert (ends.reply.said, ends.received()) == ("", [])


@pytest.mark.parametrize("ticks", range(8))
async def test_a_say_is_on_the_link_or_not_said_at_whichever_tick_it_is_cancelled(ticks: int) -> None:
    """However a cancellation meets the hand-over, `said` is what the voice was given."""
    with Ends() as ends:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(ends.say, "Hello")
            for _ in range(ticks):
                await trio.lowlevel.checkpoint()
            nursery.cancel_scope.cancel()
        assert ends.reply.said == joined(ends.received()).text


class Doubled:
    """A rule that says everything twice, word by word, so that one piece becomes many items."""

    def step(self, held: Text, last: bool) -> tuple[int, Text] | None:
        end = held.text.find(" ") + 1 or len(held)
        return end, held.part(0, end) + held.part(0, end)


@pytest.mark.parametrize("cancel_at", range(1, 40, 4))
async def test_a_handler_that_cancels_its_own_say_and_goes_on_leaves_no_gap(cancel_at: int, autojump_clock) -> None:
    """Whenever a `say` was given up, all that reaches the voice is in `said`, at its place, and nothing twice."""
    doubling = TransformPart("doubled", lambda context: Rewriting(Doubled(), whole=True))
    got: list[Text] = []
    reply = Reply(1, "hi", "speech")

    @stage
    async def voice(inbox, outbox):
        async for text in inbox:
            await trio.sleep(len(text) * 0.05)
            got.append(text)

    async def handler(turn: Turn, say: Say) -> None:
        with trio.move_on_after(cancel_at):
            await say("first thing " * 60)
        await say("second thing")

    token = this_reply.set(ReplyScope(reply, lease=None, commitment=None))
    try:
        await run_line(Pipeline(HandlerStage(lambda turn: handler), doubling, voice))
    finally:
        this_reply.reset(token)
    said = reply.said
    assert all(said[to - 1] == char for text in got for char, to in zip(text.text, text.to, strict=True))
    assert sum(len(text) for text in got) == 2 * len(said)


async def test_several_tasks_take_turns() -> None:
    """Chunks that two tasks say at the same time come one after the other, each in one go."""
    with Ends() as ends:
        got: list[Text] = []
        async with trio.open_nursery() as nursery:
            nursery.start_soon(ends.say, "a" * 1000)
            nursery.start_soon(ends.say, "b" * 1000)
            while sum(map(len, got)) < 2000:
                got.append(await ends.inlet.receive())
        assert joined(got).text in ("a" * 1000 + "b" * 1000, "b" * 1000 + "a" * 1000)
        assert joined(got) == Text.raw(ends.reply.said, 0)


async def test_a_voice_that_is_gone_breaks_the_say() -> None:
    """When nobody receives any more, `say` raises and has said nothing."""
    with Ends() as ends:
        ends.inlet.close()
        with pytest.raises(trio.BrokenResourceError):
            await ends.say("Hello")
        assert ends.reply.said == ""


# Breaths: text that is held back must not wait for a slow tool.


async def run_line(line: Pipeline) -> None:
    """Run `line` for one turn."""
    question, inbox = open_link(1, weigh=lambda turn: 1)
    outbox, nobody = open_link(1)
    with inbox, outbox, nobody:
        question.offer(Turn(1, "hi"))
        question.close()
        async with line.open() as run:
            await run(inbox, outbox)


async def spoken(handler, *transforms) -> list[tuple[float, str]]:
    """What reaches the voice, and when."""
    got: list[tuple[float, str]] = []

    @stage
    async def voice(inbox, outbox):
        async for text in inbox:
            got.append((round(trio.current_time() - start, 3), text.text))

    start = trio.current_time()
    await run_line(Pipeline(HandlerStage(lambda turn: handler), *transforms, voice))
    return got


class Broken:
    """A transform that fails at the first breath."""

    def feed(self, item: Any) -> Iterable[Any]:
        if not item.text:
            raise ValueError("no breath")
        return (item,)

    def finish(self) -> Iterable[Any]:
        return ()


@pytest.mark.parametrize("goes_on", [True, False])
async def test_a_transform_that_fails_in_a_pause_fails_the_reply(goes_on: bool, autojump_clock) -> None:
    """Its error is raised by the handler's next `say`, or at the handler's end, and nothing else is affected."""
    said = []

    async def handler(turn: Turn, say: Say) -> None:
        await say("Let me check.")
        await trio.sleep(5)
        if goes_on:
            await say(" Here it is.")
            said.append("more")

    with pytest.raises(ValueError, match="no breath"):
        await spoken(handler, TransformPart("broken", lambda context: Broken()))
    assert said == []


async def test_a_sentence_is_let_go_when_the_handler_turns_to_something_slow(autojump_clock) -> None:
    """ "Let me check." has reached the voice 150 ms after it was said, not only when the tool has answered."""

    async def handler(turn: Turn, say: Say) -> None:
        await say("Let me")
        await say(" check.")
        await trio.sleep(5)
        await say(" It is $5.")

    assert await spoken(handler, strip_markdown(), spoken_forms(), sentences()) == [
        (BREATH_AFTER_SENTENCE, "Let me check."),
        (BREATH_AFTER_SENTENCE, ""),
        (5.0, " It is five dollars."),
    ]


async def test_tokens_that_come_quickly_are_never_torn_apart(autojump_clock) -> None:
    """While words keep coming there is no breath, so "3", ":", "05" stay one time of day, stalled for 400 ms or not."""

    async def handler(turn: Turn, say: Say) -> None:
        for token, pause in (("At", 0.05), (" 3", 0.4), (":", 0.1), ("05", 0.05), (".", 0.1), (" Yes", 0.02), ("!", 0)):
            await say(token)
            await trio.sleep(pause)

    got = await spoken(handler, spoken_forms())
    assert "".join(text for _, text in got) == "At three oh five. Yes!"
    assert all(text for _, text in got)


async def test_half_a_sentence_is_let_go_as_well_but_later(autojump_clock) -> None:
    """Without a sentence's end the breath comes after half a second, and only one until something is said again."""

    async def handler(turn: Turn, say: Say) -> None:
        await say("Well")
        await trio.sleep(10)

    assert await spoken(handler, sentences()) == [(BREATH_TIME, "Well"), (BREATH_TIME, "")]


async def test_there_is_no_breath_while_say_waits_for_room(autojump_clock) -> None:
    """A handler that is held back by a full link is not silent."""

    async def handler(turn: Turn, say: Say) -> None:
        await say("One moment.")
        await say("word " * 200)
        await trio.sleep(BREATH_TIME / 2)

    @stage
    async def slow(inbox, outbox):
        async for text in inbox:
            await trio.sleep(2)
            assert text != BREATH

    await run_line(Pipeline(HandlerStage(lambda turn: handler), slow))


async def test_what_is_held_back_goes_out_at_once_when_the_handler_returns(autojump_clock) -> None:
    """The end of the reply needs no breath."""

    async def handler(turn: Turn, say: Say) -> None:
        await say("It is 3:05")

    assert await spoken(handler, spoken_forms(), sentences()) == [(0.0, "It is three oh five")]
