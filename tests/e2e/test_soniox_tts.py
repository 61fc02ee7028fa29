"""Speech from words to samples: when it starts, in which format, and that the history tells what was heard."""

from __future__ import annotations

import json
from array import array
from bisect import bisect_left
from collections.abc import Sequence
from itertools import accumulate
from random import Random
from typing import Any, get_args

import pytest
import trio

from tests.e2e.speech_kit import Talk, bare, talk, until, voice, without_stamps, words_off
from voicekit.audio.codec import convert
from voicekit.audio.format import AudioFormat, Encoding
from voicekit.errors import ConfigError
from voicekit.events import Audible, TurnCommitted, TurnEnded
from voicekit.reply import Say, Turn, sentences, spoken_forms
from voicekit.session import Session
from voicekit.soniox.api.limits import TTS_RATES
from voicekit.soniox.api.wire import TtsConfig
from voicekit.soniox.tts.soniox_tts import SonioxTts
from voicekit.testing import check_tts
from voicekit.testing.soniox import SonioxPeer, Speaking, spoken

pytestmark = pytest.mark.slow

ANSWER = "Good morning to you. How can I help you on this fine day? Just tell me what it is."


async def test_the_contract_of_voices_is_kept(autojump_clock: object) -> None:
    """What every voice promises, this one keeps: formats, marks, cuts, cancellations, backpressure, empty replies."""
    peer = SonioxPeer()
    await check_tts(lambda: voice(peer))


# --- when it starts ---


def texts_on_the_wire(call: Talk) -> list[tuple[float, str]]:
    """The pieces of text that the peer got, and when."""
    (connection,) = call.peer.speakings
    told = [(kept.at - call.started, json.loads(kept.text)) for kept in connection.received]
    return [(at, message["text"]) for at, message in told if message.get("text")]


def by_the_token(text: str, every: float) -> tuple[Any, list[float]]:
    """A handler that says `text` as a model does, and when it did so."""
    said_at: list[float] = []

    async def model(turn: Turn, say: Say) -> None:
        for place in range(0, len(text), 4):
            said_at.append(trio.current_time())
            await say(text[place : place + 4])
            await trio.sleep(every)

    return model, said_at


def test_words_reach_the_wire_as_they_come_and_sound_before_the_last_is_written() -> None:
    """Each token of a model is on the wire in the instant in which it came, and speech starts long before the last."""
    model, said_at = by_the_token(ANSWER, 0.02)
    call = talk(model, SonioxPeer())
    wire = texts_on_the_wire(call)
    assert [text for _, text in wire] == [ANSWER[place : place + 4] for place in range(0, len(ANSWER), 4)]
    assert [at for at, _ in wire] == pytest.approx([at - call.started for at in said_at])
    assert call.heard == ANSWER
    assert call.times(Audible)[0] - call.times(TurnCommitted)[0] == pytest.approx(0.2, abs=0.02)
    assert call.times(Audible)[0] + call.started < said_at[-1] - 0.1
    assert len(call.peer.streams) == 1


def test_whole_sentences_by_choice() -> None:
    """With `sentences()` in front, nothing but whole sentences goes out, each when it is complete."""
    model, _ = by_the_token(ANSWER, 0.02)
    call = talk(model, SonioxPeer(), texts=[sentences()])
    assert [text.strip() for _, text in texts_on_the_wire(call)] == [
        "Good morning to you.",
        "How can I help you on this fine day?",
        "Just tell me what it is.",
    ]
    assert call.heard == ANSWER
    assert call.times(Audible)[0] - call.times(TurnCommitted)[0] > 0.25


def test_a_stream_opens_before_the_first_word_and_is_not_left_open_for_nothing() -> None:
    """The configuration goes out when the turn begins; a handler with nothing to say has it cancelled."""

    async def thinking(turn: Turn, say: Say) -> None:
        await trio.sleep(1.0)
        if turn.number == 1:
            await say("Well.")

    call = talk(thinking, SonioxPeer(), turns=2)
    first, second = call.peer.streams
    assert first.started_at - call.started == call.times(TurnCommitted)[0]
    assert call.heard == first.text == "Well."
    assert (second.text, second.refusal) == ("", None)
    assert second.cancelled_at is not None
    lazy = SonioxPeer()
    call = talk(thinking, lazy, turns=2, tts=voice(lazy, eager=False))
    assert [stream.started_at - call.started for stream in call.peer.streams] == [1.0]


# --- formats ---


@pytest.mark.parametrize("rate", TTS_RATES)
@pytest.mark.parametrize("encoding", get_args(Encoding))
def test_every_format_of_the_service_is_asked_for_and_played_as_it_is(encoding: Encoding, rate: int) -> None:
    """A sink in a raw format of the service's gets the very bytes of the service."""
    sound = AudioFormat(rate, encoding)
    call = talk("Good morning.", SonioxPeer(), sound=sound)
    letters = array("h", [ord(letter) for letter in "Good morning." for _ in range(round(0.06 * rate))])
    assert call.sink.pcm == convert(letters.tobytes(), AudioFormat(rate), sound)
    config = call.peer.streams[0].config
    names = {"pcm16": "pcm_s16le", "float32": "pcm_f32le", "mulaw": "pcm_mulaw", "alaw": "pcm_alaw"}
    assert (config.audio_format, config.sample_rate) == (names[encoding], rate)
    assert call.call.history[0].heard == "Good morning."


@pytest.mark.parametrize(
    ("sound", "asked"),
    [
        (AudioFormat(11_025), 16_000),
        (AudioFormat(22_050), 24_000),
        (AudioFormat(32_000), 44_100),
        (AudioFormat(96_000), 48_000),
        (AudioFormat(16_000, "pcm16", 2), 16_000),
        (AudioFormat(22_050, "float32", 2), 24_000),
    ],
    ids=str,
)
def test_other_formats_are_converted_and_marks_keep_their_places(sound: AudioFormat, asked: int) -> None:
    """A sink at another rate, or in stereo, plays as long as was spoken, and each word is marked where it sounds."""
    text = "Good morning to you"
    call = talk(text, SonioxPeer(), sound=sound)
    assert call.peer.streams[0].config.sample_rate == asked
    heard = sound.count(call.sink.pcm)
    assert heard == pytest.approx(len(text) * 0.06 * sound.rate, abs=2)
    pcm = array("h", convert(call.sink.pcm, sound, AudioFormat(sound.rate)))
    middles = [round((place + 0.5) * 0.06 * sound.rate) for place in range(len(text))]
    assert [pcm[middle] for middle in middles] == pytest.approx([ord(letter) for letter in text], abs=2)
    assert [mark.at / asked for mark in call.marks] == pytest.approx([0.0, 0.3, 0.78, 0.96], abs=0.001)


def test_speed_silence_and_the_voice_are_asked_for() -> None:
    """What the configuration says is on the wire, and speech takes as much less time as it says."""
    peer = SonioxPeer()
    config = TtsConfig(voice="Maya", language="de", speed=1.2, reduce_silence=True, client_reference_id="call 7")
    call = talk("Good morning.", peer, tts=voice(peer, config=config), pace=0.05)
    asked = peer.streams[0].config
    assert (asked.voice, asked.language, asked.speed, asked.reduce_silence) == ("Maya", "de", 1.2, True)
    assert (asked.client_reference_id, asked.return_timestamps) == ("call 7", True)
    assert call.heard == "Good morning."


def test_a_bad_configuration_is_found_where_it_is_written() -> None:
    """An impossible speed is a ConfigError before there is a call."""
    with pytest.raises(ConfigError, match="speed"):
        SonioxTts(TtsConfig(speed=2.0), key="k")
    with pytest.raises(ConfigError, match="bitrate"):
        SonioxTts(TtsConfig(bitrate=64_000), key="k")


@pytest.mark.parametrize("auth", ["header", "subprotocol"])
def test_the_key_goes_into_one_place_of_the_handshake(auth: Any) -> None:
    """Into the header, or where that does not get through into the subprotocol; never into a message."""
    peer = SonioxPeer()
    talk("Good morning.", peer, tts=voice(peer, auth=auth))
    assert [record.key_places for record in peer.speakings] == [[auth]]


# --- what was heard ---

CUTS = 25

WRITTEN_AND_SPOKEN = [
    ("It", "It"), ("costs", "costs"), ("$5", "five dollars"), ("for", "for"), ("**everybody**,", "everybody,"),
    ("at", "at"), ("3:05", "three oh five"), ("_or_", "or"), ("[later](https://example.com/a_b)", "later"),
    ("than", "than"), ("$1,200.50.", "one thousand two hundred dollars and fifty cents."), ("`That`", "That"),
    ("was", "was"), ("25%", "twenty-five percent"), ("of", "of"), ("10 km", "ten kilometers"), ("on", "on"),
    ("friend!", "friend!"), ("Don't", "Don't"), ("~~ever~~", "ever"), ("go.", "go."),
]  # fmt: skip


def order(turn: int) -> list[tuple[str, str]]:
    words = WRITTEN_AND_SPOKEN[:]
    Random(turn).shuffle(words)
    return words


def begun(words: Sequence[str], characters: int) -> int:
    """How many of `words` have begun in the first `characters` of the text that they make."""
    return bisect_left(list(accumulate((len(word) + 1 for word in words), initial=0))[:-1], characters)


@pytest.mark.parametrize("faster", [10.0, 1.3])
def test_the_history_says_what_the_samples_say(faster: float) -> None:
    """However a reply with markdown, sums and times of day is cut, its history is within a word of what was heard."""
    random = Random(5)

    async def answer(turn: Turn, say: Say) -> None:
        text = " ".join(written for written, _ in order(turn.number))
        while text:
            end = random.randint(1, 9)
            await say(text[:end])
            text = text[end:]

    async def during(session: Session) -> None:
        for _ in range(CUTS):
            session.type("go on")
            await trio.sleep(random.uniform(0.1, 5.0))
        async with until(session, TurnEnded):
            session.hang_up()

    call = talk(answer, SonioxPeer(speaking=Speaking(faster=faster)), during=during, texts=[spoken_forms()])
    ends = [call.started + at for at in call.times(TurnEnded)]
    assert len(call.call.history) == len(ends) == CUTS
    for exchange, start, end in zip(call.call.history, [0.0, *ends], ends, strict=False):
        pcm = b"".join(piece.pcm for piece in call.sink.heard if start <= piece.start < end)
        words = order(exchange.turn)
        whole = len(pcm) // (2 * call.letter) * 2 * call.letter
        heard = spoken(pcm[:whole], call.sink.format.rate)
        assert " ".join(said for _, said in words).startswith(heard)
        by_samples = begun([said for _, said in words], len(heard) + bool(pcm[whole:]))
        by_history = begun([written for written, _ in words], len(exchange.heard))
        assert abs(by_samples - by_history) <= 1, (heard, exchange.heard)


WORDS = ["time", "year", "people", "way", "day", "man", "thing", "woman", "life", "child", "world", "school", "state"]


def random_text(words: int) -> str:
    random = Random(3)
    return " ".join(random.choice(WORDS) + "." * (place % 9 == 8) for place in range(words))


def test_words_are_told_when_they_begin() -> None:
    """At no time is the history more than one word behind the samples, and never ahead."""
    text = random_text(60)
    call = talk(text, SonioxPeer())
    off = words_off(call, text)
    assert set(off) <= {-1, 0}
    assert off.count(0) > 0.9 * len(off)


@pytest.mark.parametrize(
    ("lost", "behind", "ahead", "exact"),
    [
        (lambda number: True, 3, 0, 0.85),
        (lambda number: number > 20, 2, 1, 0.85),
        (lambda number: number <= 20, 8, 1, 0.6),
        (lambda number: number % 3 == 0, 4, 2, 0.5),
    ],
    ids=["all", "after some", "at first", "one in three"],
)
def test_without_timestamps_words_are_told_when_they_have_probably_begun(
    lost: Any, behind: int, ahead: int, exact: float
) -> None:
    """Where the service does not tell the times of words, the history is some words off for a while, but stays with
    the voice."""
    text = random_text(120)
    call = talk(text, SonioxPeer(faults=[without_stamps(lost)]))
    off = words_off(call, text)
    assert min(off) >= -behind
    assert max(off) <= ahead
    assert off.count(0) >= exact * len(off)
    assert bare(call.heard) == bare(text)
    assert call.silences == []
    assert [mark.at for mark in call.marks] == sorted(mark.at for mark in call.marks)
    assert [mark.said_to for mark in call.marks] == sorted(mark.said_to for mark in call.marks)
    assert call.call.history[0].heard == text


def test_the_pace_of_a_voice_is_remembered_from_one_reply_to_the_next() -> None:
    """A voice without timestamps is guessed better the second time."""
    text = random_text(60)
    peer = SonioxPeer(faults=[without_stamps()], speaking=Speaking(faster=1.3))
    tts = voice(peer)
    first, second = (talk(text, peer, tts=tts) for _ in range(2))
    assert min(words_off(second, text)) > min(words_off(first, text))
    assert min(words_off(second, text)) >= -3
