"""The scripted peer as ears: what it understands follows from the very samples that it received."""

from __future__ import annotations

import pytest
import trio

from tests.e2e.soniox_kit import RATE, STT_START, by_hand, story, transcribe, whole
from voicekit import events
from voicekit.soniox.api.region import KEY_SUBPROTOCOL
from voicekit.soniox.connection.transport import Address, TrioWebsocket
from voicekit.soniox.server.account import Account
from voicekit.testing import Script
from voicekit.testing.soniox import At, Cut, Hearing, SonioxPeer
from voicekit.testing.soniox.peer_stt import PeerStt

pytestmark = pytest.mark.slow

LOST = 2 * 320
"""Bytes of 20 ms."""


async def test_every_word_is_heard_once_and_where_it_was(autojump_clock):
    """Through our own client, the transcript is the script: its words, their times, and an endpoint behind each."""
    script = story()
    peer = SonioxPeer(script)
    heard = await transcribe(peer, whole(script))
    said = [word for utterance in script.utterances(RATE) for word in utterance]
    assert [(word.text.strip(), word.start, word.end) for word in heard.words] == [
        (word.text.strip(), *(round(round(place / 16) * 16) for place in (word.start, word.end))) for word in said
    ]
    assert [event.at for event in heard.of(events.Endpoint)] == [32_000, 67_200]
    assert peer.transcripts == ["good morning everybody how are you today"]


async def test_words_come_in_pieces_and_change_until_they_are_final(autojump_clock):
    """On the wire, tokens are pieces of words with their spaces, final once, and the others are replaced each time."""
    script = story()
    peer = SonioxPeer(script)
    async with by_hand(peer, peer.endpoints.stt) as client:
        await client.send(STT_START)
        await client.play(whole(script))
        await client.send("")
        messages = await client.rest()
    finals = [token["text"] for message in messages for token in message["tokens"] if token["is_final"]]
    assert finals == ["good", " morn", "ing", " ever", "ybod", "y", " how", " are", " you", " toda", "y"]
    tails = [[token["text"] for token in message["tokens"] if not token["is_final"]] for message in messages]
    assert ["good", " m"] in tails
    assert [" morn", "i"] in tails
    assert all(message["total_audio_proc_ms"] >= message["final_audio_proc_ms"] for message in messages)
    assert messages[-1] == {"tokens": [], "final_audio_proc_ms": 7200, "total_audio_proc_ms": 7200, "finished": True}
    silent = [message for message in messages if not message["tokens"]]
    assert len(silent) > 8
    assert sorted(message["final_audio_proc_ms"] for message in messages) == [
        message["final_audio_proc_ms"] for message in messages
    ]


@pytest.mark.parametrize("rate", [8_000, 16_000, 48_000])
def test_20_ms_lost_or_doubled_in_a_word_change_the_transcript(rate):
    """Wherever 20 ms of speech are dropped or come twice, no matter how the sound is cut into messages."""
    script = story()
    sound, lost = whole(script, rate), 2 * rate // 50
    entire = _said(script, rate, sound)
    assert entire == "good morning everybody how are you today"
    speech = [(word.start, word.end) for utterance in script.utterances(rate) for word in utterance]
    places = range(speech[0][0], speech[-1][1], rate // 97)
    in_words = [2 * place for place in places if any(start <= place < end - rate // 100 for start, end in speech)]
    for place in in_words:
        assert _said(script, rate, sound[:place] + sound[place + lost :]) != entire
        assert _said(script, rate, sound[: place + lost] + sound[place:]) != entire
    assert len(in_words) > 200


async def test_20_ms_lost_or_doubled_on_the_way_are_seen_by_a_client(autojump_clock):
    """The same, through a whole connection: a word is cut where its sound was."""
    script = story()
    sound, place = whole(script), 2 * 20_000
    peer = SonioxPeer(script)
    await transcribe(peer, sound[:place] + sound[place + LOST :])
    await transcribe(peer, sound[:place] + sound[place - LOST :])
    assert peer.transcripts == [
        "good mornin?g? everybody how are you today",
        "good mornin?ng? everybody how are you today",
    ]
    assert [(run.source, run.at) for run in peer.hearings[0].runs] == [(0, 0), (20_320, 20_000)]
    assert [(run.source, run.at) for run in peer.hearings[1].runs] == [(0, 0), (19_680, 20_000)]


async def test_in_silence_20_ms_lost_or_doubled_shift_the_times(autojump_clock):
    """The words stay the same, and those behind come 20 ms too early or too late."""
    script = story()
    sound, place = whole(script), 2 * 40_000  # between the two utterances
    peer = SonioxPeer(script)
    entire, shorter, longer = [
        await transcribe(peer, changed)
        for changed in (sound, sound[:place] + sound[place + LOST :], sound[:place] + sound[place - LOST :])
    ]
    assert entire.text == shorter.text == longer.text
    assert [word.start - 320 for word in entire.words[3:]] == [word.start for word in shorter.words[3:]]
    assert [word.start + 320 for word in entire.words[3:]] == [word.start for word in longer.words[3:]]
    assert entire.words[:3] == shorter.words[:3] == longer.words[:3]


@pytest.mark.parametrize("place", [0, 9_000, 16_000, 20_000, 24_000, 28_000, 40_000, 49_000, 60_000, 70_000])
async def test_what_is_sent_again_on_a_new_connection_completes_the_transcript(autojump_clock, place):
    """Sound sent from where our core says that a new session must begin gives each word exactly once."""
    script = story()
    sound = whole(script)
    peer = SonioxPeer(script, faults=[Cut(At(received=2 + place // 320))])
    first = await transcribe(peer, sound)
    assert first.failure is not None
    again = first.core.replay_from
    second = await transcribe(peer, sound[2 * again :], base=again)
    said = [word.text.strip() for word in (*first.words, *second.words)]
    assert " ".join(said) == "good morning everybody how are you today"
    assert peer.hearings[-1].runs[0].at == 0


def test_other_sound_is_understood_as_nothing():
    """Silence, a tone or noise between the script's samples say nothing and tear what they interrupt."""
    script = story()
    sound, place = whole(script), 2 * 40_000
    noise = bytes((7 * number * number + number // 3) % 256 for number in range(4_000))
    for other in (bytes(4_000), noise, b"\x01" * 4_001):
        assert _said(script, RATE, sound[:place] + other[:4_000] + sound[place:]) == _said(script, RATE, sound)
        assert "?" in _said(script, RATE, sound[:40_000] + other[:4_000] + sound[40_000:])
        assert _said(script, RATE, other) == ""


@pytest.mark.parametrize(("audio_format", "channels", "size"), [("mulaw", 1, 1), ("pcm_s16le", 2, 4)])
async def test_other_formats_are_only_counted(autojump_clock, audio_format, channels, size):
    """Sound in a format that carries no positions says nothing, and its time is told as it should be."""
    peer = SonioxPeer(story())
    async with by_hand(peer, peer.endpoints.stt) as client:
        await client.send({**STT_START, "audio_format": audio_format, "num_channels": channels})
        await client.play(bytes(size * RATE))
        await client.send("")
        last = (await client.rest())[-1]
    assert (last["total_audio_proc_ms"], peer.transcripts) == (1_000, [""])


async def test_finalize_makes_everything_final_at_once(autojump_clock):
    """The answer to a request holds what was not final, and <fin>; a word that was being said is torn there."""
    script = story()
    peer = SonioxPeer(script)
    async with by_hand(peer, peer.endpoints.stt) as client:
        await client.send({**STT_START, "enable_endpoint_detection": True})
        await client.play(script.pcm(0, 16_000, RATE))
        await client.send({"type": "finalize"})
        await client.play(script.pcm(16_000, 28_000, RATE))
        await client.send({"type": "finalize"})
        await client.send("")
        messages = await client.rest()
    finals = "".join(token["text"] for message in messages for token in message["tokens"] if token["is_final"])
    assert finals == "good mo?<fin> rn?ing everybody<end><fin>"
    answer = next(message for message in messages if message["tokens"] and message["tokens"][-1]["text"] == "<fin>")
    assert (answer["final_audio_proc_ms"], answer["total_audio_proc_ms"]) == (1_000, 1_000)


async def test_what_the_configuration_asks_for_is_on_the_tokens(autojump_clock):
    """Speakers, languages and translations come when they were asked for; translations have no times."""
    script = story()
    peer = SonioxPeer(script)
    async with by_hand(peer, peer.endpoints.stt) as client:
        await client.send(
            {
                **STT_START,
                "enable_speaker_diarization": True,
                "enable_language_identification": True,
                "translation": {"type": "one_way", "target_language": "de"},
            }
        )
        await client.play(whole(script))
        await client.send("")
        tokens = [token for message in await client.rest() for token in message["tokens"] if token["is_final"]]
    original = [token for token in tokens if token["translation_status"] == "original"]
    translated = [token for token in tokens if token["translation_status"] == "translation"]
    assert "".join(token["text"] for token in translated) == "GOOD MORNING EVERYBODY HOW ARE YOU TODAY"
    assert {(token["speaker"], token["language"]) for token in original} == {("1", "en")}
    assert {(token["language"], token["source_language"]) for token in translated} == {("de", "en")}
    assert not any("start_ms" in token for token in translated)


async def test_where_a_key_came_is_remembered(autojump_clock):
    """The record tells header, subprotocol and message apart, and shows no key itself."""
    peer = SonioxPeer(story(), account=Account(["secret"], legacy=True))
    async with by_hand(peer, peer.endpoints.stt, key="secret") as client:
        await client.send(STT_START)
    async with by_hand(peer, peer.endpoints.stt, key=None) as client:
        await client.send({**STT_START, "api_key": "secret"})
        await client.send(b"\0\0")
        await trio.sleep(1)
    async with by_hand(peer, peer.endpoints.stt, key="secret") as client:
        await client.send({**STT_START, "api_key": "secret"})
        assert (await client.rest())[0]["error_code"] == 400
    address = Address(peer.endpoints.stt, subprotocols=[KEY_SUBPROTOCOL, "secret"])
    async with peer.listening(), TrioWebsocket(stream=peer.open_stream).connect(address) as socket:
        await socket.ping()
    assert [record.key_places for record in peer.connections] == [
        ["header"],
        ["message"],
        ["header", "message"],
        ["subprotocol"],
    ]
    assert "secret" not in repr(peer.connections)


async def test_how_fast_sound_came_is_remembered(autojump_clock):
    """A client that sends twice as fast as it is spoken is 3.6 s ahead after 7.2 s of sound."""
    script = story()
    peer = SonioxPeer(script, hearing=Hearing(latency=0.3))
    await transcribe(peer, whole(script), pace=0.01)
    await transcribe(peer, whole(script))
    assert peer.hearings[0].most_ahead == pytest.approx(3.61, abs=0.02)
    assert peer.hearings[1].most_ahead == pytest.approx(0.02, abs=0.001)


def _said(script: Script, rate: int, sound: bytes, size: int = 1_234) -> str:
    ears = PeerStt(script, rate)
    for place in range(0, len(sound), size):
        ears.hear(sound[place : place + size])
    ears.pause()
    return "".join(piece.text for piece in ears.said).strip()
