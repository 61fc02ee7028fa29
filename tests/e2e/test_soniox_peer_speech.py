"""The scripted peer as a mouth: what it says can be read from its samples, and its streams live as they should."""

from __future__ import annotations

import base64
from array import array

import pytest
import trio

from tests.e2e.soniox_kit import PCM16K, TTS_START, by_hand, speak
from voicekit.audio.codec import convert
from voicekit.audio.format import AudioFormat
from voicekit.soniox.server.account import Account
from voicekit.soniox.server.refusal import Refusal
from voicekit.testing.soniox import SonioxPeer, Speaking, spoken

START = {**TTS_START, "sample_rate": 8_000}


@pytest.mark.parametrize("rate", [8_000, 16_000, 24_000, 44_100, 48_000])
@pytest.mark.parametrize("encoding", ["pcm16", "float32"])
async def test_what_it_says_can_be_read_from_its_samples(autojump_clock, rate, encoding):
    """The text comes back from the sound, 60 ms for each character, and the words' times are where they sound."""
    peer = SonioxPeer(speaking=Speaking(chunk=0.1))
    sound = AudioFormat(rate, encoding)
    said = await speak(peer, ["Hello there, world."], sound=sound)
    assert spoken(convert(said.pcm("s1"), sound, AudioFormat(rate)), rate) == "Hello there, world."
    assert said.words("s1") == [
        (0.0, "Hello"),
        (pytest.approx(6 * 0.06), "there,"),
        (pytest.approx(13 * 0.06), "world."),
    ]
    assert peer.streams[0].seconds == pytest.approx(19 * 0.06)


@pytest.mark.parametrize("encoding", ["mulaw", "alaw"])
async def test_it_speaks_as_telephones_do(autojump_clock, encoding):
    """G.711 keeps the length of the sound and about its values."""
    sound = AudioFormat(8_000, encoding)
    said = await speak(SonioxPeer(), ["aaaa"], sound=sound)
    values = array("h", convert(said.pcm("s1"), sound, AudioFormat(8_000)))
    assert len(values) == 4 * 480
    assert all(abs(value - ord("a")) <= 8 for value in values)


async def test_big_endian_samples_are_the_same_the_other_way_round(autojump_clock):
    """pcm_s16be is what little-endian clients don't expect."""
    peer = SonioxPeer()
    async with by_hand(peer, peer.endpoints.tts) as client:
        await client.send({**START, "audio_format": "pcm_s16be", "stream_id": "a"})
        await client.send({"stream_id": "a", "text": "Hi", "text_end": True})
        pcm = array("h", base64.b64decode((await client.read())["audio"]))
    pcm.byteswap()
    assert spoken(pcm.tobytes(), 8_000) == "Hi"


async def test_speed_shortens_the_sound(autojump_clock):
    """At 1.2 times the speed a character takes 50 ms."""
    said = await speak(SonioxPeer(), ["speed"], speed=1.2)
    assert spoken(said.pcm("s1"), 16_000, per_character=0.05) == "speed"


async def test_it_speaks_faster_than_real_time_after_a_moment(autojump_clock):
    """The first sound comes when it was told to, the rest at the pace that it was told."""
    peer = SonioxPeer(speaking=Speaking(first_sound=0.3, faster=4.0, chunk=0.5))
    said = await speak(peer, ["x" * 100])
    stream = peer.streams[0]
    assert (stream.first_sound_at, stream.sound_ended_at) == (pytest.approx(0.3), pytest.approx(0.3 + 5.5 / 4))
    assert said.events[0][0] == pytest.approx(0.3)


async def test_text_is_spoken_as_it_comes_unless_it_is_held_back(autojump_clock):
    """Without `holds` a stream speaks what it has; with it, short text waits for more, or for its end."""
    peer = SonioxPeer(speaking=Speaking(first_sound=0.1, holds=10))
    async with by_hand(peer, peer.endpoints.tts) as client:
        for name, text in (("a", "short"), ("b", "long enough")):
            await client.send({**START, "stream_id": name})
            await client.send({"stream_id": name, "text": text})
        await trio.sleep(2)
        assert [stream.seconds for stream in peer.streams] == [0, pytest.approx(11 * 0.06)]
        await client.send({"stream_id": "a", "text_end": True})
        await trio.sleep(1)
        assert peer.streams[0].seconds == pytest.approx(5 * 0.06)


async def test_streams_interleave_and_each_says_its_own(autojump_clock):
    """Three streams at once come in turns, and every one is whole."""
    peer = SonioxPeer()
    texts = ["The first of three.", "The second one.", "And the third, which is the longest."]
    said = await speak(peer, texts)
    assert [spoken(said.pcm(name), 16_000) for name in ("s1", "s2", "s3")] == texts
    order = [event.stream for _, event in said.events]
    assert order[:6] == ["s1", "s2", "s3"] * 2


async def test_a_cancelled_stream_says_no_more(autojump_clock):
    """After a cancel only `terminated` comes, the others go on, and the moment is remembered."""
    peer = SonioxPeer(speaking=Speaking(faster=2.0))
    start = trio.current_time()
    said = await speak(
        peer, ["a" * 100, "b" * 100], then=lambda core, names: core.cancel(names[0], trio.current_time())
    )
    assert spoken(said.pcm("s2"), 16_000) == "b" * 100
    assert 0 < peer.streams[0].seconds < 1
    assert peer.cancelled_at == [pytest.approx(start + 0.2)]
    assert (peer.streams[0].sound_ended_at, peer.streams[0].over_at) == (None, peer.cancelled_at[0])


async def test_an_open_stream_without_text_starves(autojump_clock):
    """5.2 s after its last text a stream that was not ended gets a 408 and is terminated; the connection stays."""
    peer = SonioxPeer()
    async with by_hand(peer, peer.endpoints.tts) as client:
        await client.send({**START, "stream_id": "a"})
        await client.send({"stream_id": "a", "text": "Well"})
        start = trio.current_time()
        while "error_code" not in (message := await client.read()):
            assert message["stream_id"] == "a"
        assert (message["error_code"], trio.current_time() - start) == (408, pytest.approx(5.2))
        assert await client.read() == {"stream_id": "a", "terminated": True}
        await client.send({**START, "stream_id": "a"})
        await client.send({"stream_id": "a", "text": "Again", "text_end": True})
        assert spoken(base64.b64decode((await client.read())["audio"]), 8_000) == "Agai"
    assert peer.streams[0].refusal == Refusal("request_timeout", "Request timeout")


async def test_an_idle_connection_is_closed(autojump_clock):
    """Without anything for 40 s the peer goes away in good order, and keepalives put that off."""
    peer = SonioxPeer()
    async with by_hand(peer, peer.endpoints.tts) as client:
        await trio.sleep(30)
        await client.send({"keep_alive": True})
        assert await client.rest() == []
        assert client.socket.closed.code == 1001
    assert peer.speakings[0].closed_at == pytest.approx(70)


async def test_the_limits_are_those_of_the_service(autojump_clock):
    """Too many bytes, too much sound, too many streams: each is refused with its own error type."""
    peer = SonioxPeer(account=Account(streams=9), speaking=Speaking(faster=100, per_character=0.5))
    async with by_hand(peer, peer.endpoints.tts) as client:
        for name in "abcdef":
            await client.send({**START, "stream_id": name})
        assert (await client.read())["error_type"] == "max_concurrent_streams_reached"
        await client.send({"stream_id": "a", "text": "\u00e9" * 2_501})
        await client.send({"stream_id": "b", "text": "b" * 250, "text_end": True})
        errors = {}
        with trio.move_on_after(20):
            while True:
                message = await client.read()
                errors.setdefault(message["stream_id"], message.get("error_type"))
                if "error_type" in message:
                    errors[message["stream_id"]] = message["error_type"]
    assert errors["a"] == "invalid_request"
    assert errors["b"] == "max_audio_duration_reached"
    assert errors["c"] == "request_timeout"
    assert peer.streams[1].seconds > 120


async def test_what_it_can_not_make_it_refuses(autojump_clock):
    """Compressed formats end their stream with an error instead of sound."""
    peer = SonioxPeer()
    async with by_hand(peer, peer.endpoints.tts) as client:
        await client.send({**TTS_START, "audio_format": "mp3", "stream_id": "a"})
        assert (await client.read())["error_message"] == "This peer makes no mp3."
        assert await client.read() == {"stream_id": "a", "terminated": True}


def test_torn_sound_is_not_read_as_text():
    """Reading finds a character of which samples are missing, and passes over silence."""
    pcm = array("h", [ord("a")] * 480 + [0] * 77 + [ord("b")] * 960).tobytes()
    assert spoken(pcm, 8_000) == "abb"
    with pytest.raises(AssertionError, match="it is torn"):
        spoken(pcm[:-2], 8_000)


async def test_connections_share_an_account(autojump_clock):
    """The limit of streams at once counts over all connections, and what ended makes room."""
    peer = SonioxPeer(account=Account(streams=1), speaking=Speaking(faster=1.0))
    said: list[list[str]] = []

    async def one() -> None:
        result = await speak(peer, ["something to say"], sound=PCM16K)
        said.append([type(event).__name__ for event in result.failures()])

    async with trio.open_nursery() as nursery:
        nursery.start_soon(one)
        nursery.start_soon(one)
    await one()
    assert sorted(said) == [[], [], ["StreamFailed"]]
    assert peer.account.running[peer.speakings[0].service] == 0
