"""One reply's streams: everything is spoken once and in order, and no stream dies of how it was fed."""

from __future__ import annotations

from math import inf

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.protocol.speech_rig import Rig, named, tokens
from voicekit.errors import ServiceError, Unavailable
from voicekit.soniox.api.errors import Failed, Retry, lost
from voicekit.soniox.api.wire import Timestamps
from voicekit.soniox.api.word_times import SpokenWord, WordTimes
from voicekit.soniox.tts.live_stream import SoundEnded, StreamFailed, StreamSound
from voicekit.soniox.tts.planner import FIRST_SOUND_S, PIECE, Send, StreamPlanner
from voicekit.soniox.tts.stream import FULL_S, IDLE_S, OWED_S, SILENT_S, SpeechStream

GONE = lost("gone", service="s")
SENTENCE = "The quick brown fox jumps over the lazy dog, and then it rests. "


def bare(text: str) -> str:
    """Without the white space, which a seam may swallow."""
    return "".join(text.split())


def spoken_whole(heard: str, text: str) -> bool:
    """Whether `heard` is `text`, but for beginnings of words that were begun again."""
    heard, place = bare(heard), 0
    for word in text.split():
        begun = [n for n in range(len(word)) if heard.startswith(word[:n] + word, place)]
        if not begun:
            return False
        place += begun[-1] + len(word)
    return place == len(heard)


def test_a_short_reply_is_one_stream_and_one_message() -> None:
    """What is said at once goes out at once, with its end."""
    speaking = StreamPlanner()
    speaking.add("Good morning.")
    speaking.finish()
    assert named(speaking.decide(0.0)) == [("open", 0), ("send", 0, "Good morning.", "end")]
    (stream,) = speaking.streams
    stream.hear(StreamSound("s1", b"", 1.0, (), tuple("Good morning.")), 0.5)
    assert not speaking.done
    stream.hear(SoundEnded("s1"), 1.0)
    assert speaking.done


def test_tokens_go_out_as_they_come() -> None:
    """No token waits for the end of its word, and the stream stays open between them."""
    speaking = StreamPlanner()
    sent = []
    for number, token in enumerate(["Good", " mor", "ning", "."]):
        speaking.add(token)
        sent += speaking.decide(number * 0.02)
    speaking.streams[0].hear(StreamSound("s1", b"", 0.3, (), ("G",)), 0.05)
    assert [command.text for command in sent if isinstance(command, Send)] == ["Good", " mor", "ning", "."]
    assert speaking.due_at == pytest.approx(0.06 + IDLE_S)


def test_the_first_stream_may_open_ahead_and_is_dropped_unused() -> None:
    """An eager stream that gets no text in time is cancelled, and none is opened again without text."""
    speaking = StreamPlanner()
    assert named(speaking.decide(0.0)) == [("open", 0)]
    assert speaking.due_at == IDLE_S
    assert named(speaking.decide(IDLE_S)) == [("drop", 0)]
    assert speaking.decide(60.0) == []
    speaking.add("At last.")
    assert named(speaking.decide(61.0)) == [("open", 0), ("send", 0, "At last.")]


def test_without_eagerness_nothing_opens_before_there_is_text() -> None:
    """White space is no text either."""
    speaking = StreamPlanner(eager=False)
    speaking.add("  ")
    assert speaking.decide(0.0) == []
    speaking.finish()
    assert speaking.decide(0.0) == []
    assert speaking.done


def test_no_room_means_to_wait() -> None:
    """Where the connection has no place for a stream, the text waits for one."""
    speaking = StreamPlanner()
    speaking.add("Hello.")
    speaking.finish()
    assert speaking.decide(0.0, room=False) == []
    assert named(speaking.decide(0.1, room=True)) == [("open", 0), ("send", 0, "Hello.", "end")]


def test_a_silent_handler_ends_the_stream() -> None:
    """After three seconds without text the stream is ended, so that it never starves, and its text is still spoken."""
    speaking = StreamPlanner()
    speaking.add("Let me check, it")
    speaking.decide(0.0)
    speaking.streams[0].hear(StreamSound("s1", b"", 0.3, (), ("L",)), 0.2)
    assert speaking.decide(IDLE_S - 0.01) == []
    assert named(speaking.decide(IDLE_S)) == [("send", 0, "", "end")]


def test_a_long_text_goes_out_in_pieces_at_word_ends() -> None:
    """No message has more than its share, none but the last ends inside a word, and no more is owed than allowed."""
    speaking = StreamPlanner()
    speaking.add(SENTENCE * 10)
    pieces = [command.text for command in speaking.decide(0.0) if isinstance(command, Send)]
    assert "".join(pieces) == SENTENCE * 2 + "The quick brown fox jumps over the lazy dog,"
    assert all(len(piece) <= PIECE for piece in pieces)
    assert speaking.owed() <= OWED_S
    assert not speaking.wants_text


@pytest.mark.slow
@pytest.mark.parametrize("timestamps", [True, False])
@pytest.mark.parametrize("every", [0.0, 0.02])
def test_a_reply_of_six_minutes_plays_without_a_seam(every: float, timestamps: bool) -> None:
    """5,000 letters, in one piece or by the token: all heard in order, no wait between streams, little owed."""
    text = SENTENCE * 70
    rig = Rig(tokens(text, every) if every else [(0.0, text), (0.0, None)], timestamps=timestamps)
    assert bare(rig.run()) == bare(text)
    assert rig.now > 350
    assert rig.silent_s < 0.1
    assert rig.refusals == []
    assert rig.most_owed <= OWED_S + 1.0
    assert rig.streams <= 1 + len(text) * rig.letter_s / (0.6 * FULL_S)


@pytest.mark.parametrize("letter_s", [0.04, 0.06])
def test_a_fast_voice_that_does_not_tell_how_far_it_is_makes_no_gap(letter_s: float) -> None:
    """A voice up to twice as fast as estimated is never waited for while much seems to be owed."""
    text = SENTENCE * 40
    rig = Rig([(0.0, text), (0.0, None)], timestamps=False, letter_s=letter_s)
    assert bare(rig.run()) == bare(text)
    assert rig.silent_s < 0.1


def test_a_hold_of_twenty_seconds_loses_nothing() -> None:
    """While nobody listens, the stream is ended in time, little more is made, and it goes on where it stopped."""
    text = SENTENCE * 10
    rig = Rig([(0.0, text), (0.0, None)], holds=[(10.0, 30.0)])
    assert bare(rig.run()) == bare(text)
    assert rig.refusals == []
    assert rig.most_owed <= OWED_S + 1.0


def test_a_handler_that_pauses_half_a_minute_loses_no_word() -> None:
    """A pause in the middle of a sentence, or of a word, is bridged by a new stream."""
    rig = Rig([(0.0, "One moment, I will look it up for y"), (30.0, "ou. Here it is."), (30.0, None)])
    assert bare(rig.run()) == bare("One moment, I will look it up for you. Here it is.")
    assert rig.refusals == []
    assert rig.streams == 2


@pytest.mark.parametrize("letters_per_second", [1, 4, 8, 11])
def test_a_handler_slower_than_speech_is_no_reason_to_die(letters_per_second: int) -> None:
    """Text that comes more slowly than it is spoken is split before the service judges the pace."""
    text = SENTENCE * 4
    rig = Rig(tokens(text, 4 / letters_per_second))
    assert bare(rig.run()) == bare(text)
    assert rig.refusals == []


def test_words_without_end_are_cut_by_force() -> None:
    """A text without any place to cut, such as a long address, is spoken all the same."""
    text = "x" * 3_000
    rig = Rig([(0.0, text), (0.0, None)])
    assert rig.run() == text
    assert rig.refusals == []


@pytest.mark.parametrize("text", ["今天天气很好。" * 100, "быстрая лиса, ленивый пёс. " * 240], ids=["three", "two"])
def test_bytes_are_counted_in_utf_8(text: str) -> None:
    """Text of several bytes a character stays below the limit of a stream, even where it is spoken fast."""
    rig = Rig([(0.0, text), (0.0, None)], letter_s=0.02)
    assert bare(rig.run()) == bare(text)
    assert rig.refusals == []


def test_half_a_surrogate_pair_does_no_harm() -> None:
    """What can't be written in UTF-8 becomes a question mark instead of an error."""
    speaking = StreamPlanner()
    speaking.add("a\ud83dz")
    assert named(speaking.decide(0.0))[-1] == ("send", 0, "a?z")


@pytest.mark.parametrize("timestamps", [True, False])
def test_a_stream_that_fails_is_said_again_from_the_first_unspoken_word(timestamps: bool) -> None:
    """The rest comes in a new stream; with timestamps at most a word is begun twice, without some may be repeated."""
    text = SENTENCE * 6
    rig = Rig(
        [(0.0, text), (0.0, None)], timestamps=timestamps, kill_at={5.0: "stream", 20.0: "connection"}, faster=1.2
    )
    heard = rig.run()
    assert rig.error is None
    assert spoken_whole(heard, text) if timestamps else bare(heard).endswith("itrests.")
    assert len(heard) >= len(bare(text))


@pytest.mark.parametrize(
    ("sent", "spoken", "again"),
    [
        ("**Hi** there you", "Hi th", " there you"),
        ("Pay $5 now please", "Pay five doll", " $5 now please"),
        ("Good morning", "Good", " morning"),
        ("Good morning", "Good ", " morning"),
        ("Good morning", "", "Good morning"),
        ("Good morning. ", "Good morning.", ""),
    ],
)
def test_speaking_goes_on_with_the_first_word_that_was_not_whole(sent: str, spoken: str, again: str) -> None:
    """What the voice leaves out or says otherwise moves the place by a word at most, and backwards."""
    stream = SpeechStream(100, 0.0)
    stream.send(sent, 0.0)
    stamps = Timestamps(characters=tuple(spoken), character_start_times_seconds=(0.0,) * len(spoken))
    stream.hear(StreamSound("s1", b"", 0.0, tuple(WordTimes().feed(stamps)), tuple(spoken)), 0.0)
    assert sent[stream.resume_at() - 100 :] == again


def test_what_came_after_a_failed_stream_is_said_again_behind_it() -> None:
    """A later stream is dropped, so that the sound stays in the order of the text."""
    speaking = StreamPlanner(roll=lambda: 0.0)
    speaking.add("First. ")
    speaking.decide(0.0)
    speaking.decide(IDLE_S)
    speaking.add("Second.")
    assert named(speaking.decide(4.0)) == [("open", 7), ("send", 7, "Second.")]
    speaking.streams[0].hear(StreamFailed("s1", GONE), 4.5)
    assert named(speaking.decide(4.5)) == [("drop", 7)]
    assert speaking.due_at == pytest.approx(4.6)
    assert named(speaking.decide(4.6)) == [("open", 0), ("send", 0, "First. Second.")]


def test_a_failure_that_will_not_pass_ends_the_reply() -> None:
    """What must not be tried again, or has failed too often, is given up with the service's error."""
    speaking = StreamPlanner()
    speaking.add("Hello.")
    speaking.decide(0.0)
    refused = Failed(ServiceError("No.", service="s"), Retry.NEVER)
    speaking.streams[0].hear(StreamFailed("s1", refused), 0.0)
    assert speaking.decide(0.0) == []
    assert speaking.error is refused.error
    assert speaking.done
    assert speaking.due_at == inf
    speaking = StreamPlanner(eager=False)
    speaking.add("Hello.")
    for number in range(4):
        assert named(speaking.decide(number * 1.0)) == [("open", 0), ("send", 0, "Hello.")]
        speaking.streams[-1].hear(StreamFailed("s1", GONE), number * 1.0)
    assert speaking.decide(4.0) == []
    assert speaking.error is GONE.error
    assert isinstance(GONE.error, Unavailable)


def test_a_reply_that_stays_silent_is_given_up() -> None:
    """Six seconds after there was something to say, counted from the text and not from the stream that opened early."""
    speaking = StreamPlanner()
    speaking.decide(0.0)
    speaking.add("Hello.")
    speaking.finish()
    assert named(speaking.decide(2.0)) == [("send", 0, "Hello.", "end")]
    assert speaking.due_at == 2.0 + FIRST_SOUND_S
    assert speaking.decide(2.0 + FIRST_SOUND_S - 0.01) == []
    assert named(speaking.decide(2.0 + FIRST_SOUND_S)) == [("drop", 0)]
    assert isinstance(speaking.error, Unavailable)
    assert "6 s" in str(speaking.error)
    assert speaking.done


def test_text_that_has_no_sound_is_not_waited_for() -> None:
    """A stream that ends without any sound has said what there was, and the next text has its own six seconds."""
    speaking = StreamPlanner(eager=False)
    speaking.add("...")
    speaking.decide(0.0)
    assert named(speaking.decide(SILENT_S)) == [("send", 0, "", "end")]
    speaking.streams.pop().hear(SoundEnded("s1"), 2.5)
    assert speaking.decide(60.0) == []
    assert speaking.due_at == inf
    speaking.add("Well.")
    speaking.decide(61.0)
    assert speaking.error is None
    speaking.decide(61.0 + FIRST_SOUND_S)
    assert speaking.error is not None


def test_a_stream_that_brought_words_is_no_failure_in_vain() -> None:
    """Streams may fail as often as they like while each gets on by a word; in a row without one, only so often."""
    speaking = StreamPlanner(eager=False)
    speaking.add("one two three four five six seven eight")
    for number, word in enumerate(["one", "two", "three", "four", "five", "six"]):
        assert named(speaking.decide(number * 10.0))[0][0] == "open"
        stream = speaking.streams[-1]
        stream.hear(StreamSound("s1", b"", 0.3, (SpokenWord(word, 0.0),), (*word, " ")), number * 10.0)
        stream.hear(StreamFailed("s1", GONE), number * 10.0)
    assert named(speaking.decide(60.0)) == [("open", 28), ("send", 28, "seven eight")]
    assert speaking.error is None


TEXT = st.text(alphabet="abc de.,!?", min_size=1, max_size=120)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.floats(0.0, 12.0), TEXT), min_size=1, max_size=8),
    st.lists(st.tuples(st.floats(0.0, 40.0), st.floats(0.1, 15.0)), max_size=2),
    st.floats(1.2, 10.0),
    st.booleans(),
)
def test_any_script_is_spoken_whole_and_in_order(
    said: list[tuple[float, str]], held: list[tuple[float, float]], faster: float, timestamps: bool
) -> None:
    """Whatever the handler says when, and whenever the listener holds, every letter is heard once, in order, and the
    service never has to refuse or to kill a stream."""
    script: list[tuple[float, str | None]] = []
    at = 0.0
    for wait, text in said:
        at += wait
        script.append((at, text))
    holds = [(start, start + length) for start, length in held]
    rig = Rig([*script, (at, None)], holds=holds, faster=faster, timestamps=timestamps)
    assert bare(rig.run()) == bare("".join(text for _, text in said))
    assert rig.refusals == []
    assert rig.error is None
    assert rig.most_owed <= OWED_S + 4.0


@settings(max_examples=60, deadline=None)
@given(
    st.integers(1, 12),
    st.dictionaries(st.floats(0.1, 60.0), st.sampled_from(["stream", "connection"]), max_size=3),
    st.floats(1.1, 6.0),
    st.sampled_from([0.0, 0.02, 0.3]),
)
def test_no_word_is_lost_by_failures(sentences: int, kills: dict[float, str], faster: float, every: float) -> None:
    """However streams and connections fail, every word is heard whole and in order."""
    text = "".join(f"This is line {number}, and it has an end. " for number in range(sentences))
    script = tokens(text, every) if every else [(0.0, text), (0.0, None)]
    rig = Rig(script, kill_at=kills, faster=faster)
    assert spoken_whole(rig.run(), text)
    assert rig.error is None
