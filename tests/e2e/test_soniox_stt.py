"""The Soniox ears in whole calls and by themselves: keys, turn-taking, odd answers, the wire log, real sockets."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import trio

from tests.e2e.hearing_kit import KEY, Attempts, hear, hold, listen, long, play, short, text_of, transcriber
from voicekit.audio.format import PCM16K, AudioFormat
from voicekit.audio.frame import AudioFrame
from voicekit.errors import ConfigError, ServiceError, Unauthenticated, Unavailable
from voicekit.events import (
    Decided,
    Endpoint,
    Final,
    Finalized,
    Interim,
    Progress,
    SttDown,
    SttUp,
    Translated,
    TurnCommitted,
    TurnEnded,
    joined,
)
from voicekit.flow.link import open_link
from voicekit.flow.store import Full
from voicekit.flow.threads import inline
from voicekit.flow.wire_log import open_wire_log
from voicekit.reply import Say as Speak
from voicekit.reply import Turn
from voicekit.soniox.api.wire import Context, SttConfig, Translation
from voicekit.soniox.connection.direct import DirectWebsocket
from voicekit.soniox.connection.transport import TrioWebsocket
from voicekit.soniox.server.account import Account, Key
from voicekit.soniox.stt import soniox_stt as module
from voicekit.soniox.stt.soniox_stt import SonioxStt
from voicekit.testing import Script
from voicekit.testing.contracts import check_stt
from voicekit.testing.soniox import At, Change, Cut, HalfOpen, Reject, SayMessage, SonioxPeer
from voicekit.turn.policy import CallPolicy, InterruptPolicy, Policy, TurnPolicy

pytestmark = pytest.mark.slow

# --- whole calls ---


async def talk(turn: Turn, say: Speak) -> None:
    """An answer of some twenty seconds."""
    await say("Once upon a time there was a house at the end of the road. " * 5)


def test_barge_in_works_while_the_ears_are_away() -> None:
    """With a half-open line, the caller's voice alone holds the reply, and cuts it if the policy lets sound do so."""
    user = Script()
    user.says("tell me a story", at=1.0, for_=1.2)
    user.says("no something else please", at=7.0, for_=2.0)
    user.stays(until=22.0)
    peer = SonioxPeer(user, faults=[HalfOpen(At(seconds=6.0))])
    policy = Policy(interrupt=InterruptPolicy(sound_cuts=True, doubt=0.6))
    held = hold(user, transcriber(peer), handler=talk, policy=policy)
    (down,), (up,) = held.at(SttDown), held.at(SttUp)
    assert 6.0 < down <= 11.0
    ended = [(at, event) for at, event in held.events if isinstance(event, TurnEnded) and event.turn == 1]
    assert ended[0][1].cut
    assert 7.0 < ended[0][0] < 8.0 < down < up
    assert [event.text for event in held.of(TurnCommitted)][-1] == "no something else please"


def test_a_call_whose_ears_break_is_understood_all_the_same() -> None:
    """The turns of a call with three lost connections are those of a call with none."""
    user = Script()
    for number, at in enumerate((1.0, 9.0, 17.0)):
        user.says(f"question number {number} for you", at=at, for_=1.5)
    user.stays(until=24.0)
    faults = [Cut(At(seconds=at), connection=number) for number, at in ((1, 1.7), (2, 8.2), (3, 7.1))]
    calls = [hold(user, transcriber(SonioxPeer(user, faults=some))) for some in ([], faults)]
    assert [event.text for event in calls[0].of(TurnCommitted)] == [
        f"question number {number} for you" for number in range(3)
    ]
    assert calls[1].of(TurnCommitted) == calls[0].of(TurnCommitted)
    assert len(calls[1].of(SttUp)) == 3


def test_turns_by_the_vad_are_finalized_in_each_pause() -> None:
    """Without endpoints of its own, the service is asked to finalize when the caller pauses, and that ends the turn."""
    user = long(12.0)
    peer = SonioxPeer(user)
    ears = transcriber(peer, config=SttConfig(), finalize_on_pause=True)
    assert not ears.endpoints
    held = hold(user, ears, policy=Policy(turn=TurnPolicy(endpointing="vad")))
    sentences = [sound.text for sound in user.sounds]
    assert [event.text for event in held.of(TurnCommitted)] == sentences
    assert len(held.of(Finalized)) == len(sentences)
    ends = [sound.end for sound in user.sounds]
    waits = [at - end for at, end in zip(held.at(TurnCommitted), ends, strict=True)]
    assert all(wait <= 0.6 for wait in waits)  # the gate's hangover (0.3 s), and 0.2 s of sound after the last word
    assert [text for text in peer.connections[0].texts() if "finalize" in text] == ['{"type":"finalize"}'] * 3


def test_a_pause_is_finalized_after_a_break_too() -> None:
    """The marks of the VAD are kept with the sound: the new session is asked to finalize where the old one was."""
    user = long(5.0)
    peer = SonioxPeer(user, faults=[Cut(At(seconds=3.05))])  # the first sentence ends at 3.0 s
    ears = transcriber(peer, config=SttConfig(), finalize_on_pause=True)
    held = hold(user, ears, policy=Policy(turn=TurnPolicy(endpointing="vad")))
    assert held.asked == text_of(user)
    assert len(held.of(Finalized)) == 1


def test_a_call_without_a_word_ends_in_good_order() -> None:
    """A caller who says nothing, and one who is gone before any sound came, end like everybody."""
    for seconds in (3.0, 0.0):
        user = Script()
        user.stays(until=seconds)
        held = hold(user, transcriber(SonioxPeer(user)))
        assert held.error is None
        assert held.of(Decided) != []


def test_a_farewell_is_spoken_when_the_ears_are_gone() -> None:
    """The end of a call does not wait for ears that are away: it comes when it was ordered."""
    user = long(30.0)
    peer = SonioxPeer(user, faults=[Cut(At(seconds=5.0), away=500.0)])
    held = hold(user, transcriber(peer), policy=Policy(call=CallPolicy(max_duration=10.0, farewell=None)))
    assert held.error is None
    assert held.events[-1][0] <= 13.0


# --- keys ---


async def test_the_key_goes_into_the_header_and_nowhere_else(autojump_clock: object) -> None:
    """Each connection brings the key once, in its handshake."""
    peer = SonioxPeer(short(), account=Account(keys=[KEY]), faults=[Cut(At(seconds=1.0))])
    await hear(transcriber(peer), short())
    assert [record.key_places for record in peer.connections] == [["header"], ["header"]]
    assert [record.header_key for record in peer.connections] == [KEY, KEY]


async def test_the_key_may_go_as_a_subprotocol(autojump_clock: object) -> None:
    """Where headers do not get through, the key is the second of two subprotocols, and again nowhere else."""
    peer = SonioxPeer(short(), account=Account(keys=[KEY]))
    heard = await hear(transcriber(peer, auth="subprotocol"), short())
    assert heard.text == "good morning my dear friend"
    assert [record.key_places for record in peer.connections] == [["subprotocol"]]


def test_a_key_that_can_be_no_subprotocol_is_found_before_anything_opens() -> None:
    """An old temporary key, with its colon, is refused where it would be sent as a subprotocol."""
    with pytest.raises(ConfigError, match="subprotocol"):
        SonioxStt(key="temp:abc", auth="subprotocol")
    with pytest.raises(ConfigError, match="'header' or 'subprotocol', got 'query'"):
        SonioxStt(key="abc", auth="query")  # type: ignore[arg-type]


class Mint:
    """Makes temporary keys for an account, numbered; may fail the first `failures` times."""

    def __init__(self, account: Account, *, failures: int = 0, retryable: bool = True, **kind: Any) -> None:
        self.made: list[str] = []
        self._account = account
        self._failures = failures
        self._retryable = retryable
        self._kind = kind

    async def __call__(self) -> str:
        await trio.sleep(0.05)
        if self._failures:
            self._failures -= 1
            raise ServiceError("no keys today", service="the mint", retryable=self._retryable)
        self.made.append(f"snx_temp_{len(self.made)}")
        self._account.add(Key(self.made[-1], **self._kind))
        return self.made[-1]


async def test_each_connection_has_a_temporary_key_of_its_own(autojump_clock: object) -> None:
    """A function that makes keys is asked before each connection, so that keys for a single use are enough."""
    script = long(10.0)
    account = Account(keys=["main"])
    mint = Mint(account, single_use=True)
    peer = SonioxPeer(script, account=account, faults=[Cut(At(seconds=3.0)), Cut(At(seconds=3.0), connection=2)])
    heard = await hear(transcriber(peer, key=mint), script)
    assert heard.text == text_of(script)
    assert [record.header_key for record in peer.connections] == mint.made
    assert len(mint.made) == 3


async def test_a_temporary_key_whose_session_is_over_is_followed_by_another(autojump_clock: object) -> None:
    """At the end of a temporary key's session a new one is made at once, and no word is lost."""
    script = long(30.0)
    account = Account(keys=["main"])
    mint = Mint(account, session_s=8.0)
    peer = SonioxPeer(script, account=account)
    heard = await hear(transcriber(peer, key=mint), script)
    assert heard.text == text_of(script)
    assert len(mint.made) == len(peer.connections) >= 4
    waits = [up - down for down, up in zip(heard.at(SttDown), heard.at(SttUp), strict=True)]
    assert all(wait <= 0.5 for wait in waits)


async def test_one_temporary_key_for_everything_ends_with_its_session(autojump_clock: object) -> None:
    """A key that is no function can't be renewed: the call fails and says why."""
    account = Account(keys=["main"])
    account.add(Key(KEY, session_s=4.0))
    with pytest.raises(Unauthenticated, match="The temporary key's session is over"):
        await hear(transcriber(SonioxPeer(long(10.0), account=account)), long(10.0))


async def test_a_mint_that_fails_is_asked_again(autojump_clock: object) -> None:
    """A retryable failure to make a key is a connection that did not come about, before a call and in one."""
    script = long(10.0)
    account = Account(keys=["main"])
    peer = SonioxPeer(script, account=account, faults=[Cut(At(seconds=3.0))])
    mint = Mint(account, failures=2)
    heard = await hear(transcriber(peer, key=mint), script)
    assert heard.text == text_of(script)


async def test_a_mint_that_is_refused_ends_the_call(autojump_clock: object) -> None:
    """A failure to make a key that trying again will not mend is raised as it is."""
    peer = SonioxPeer(short())
    with pytest.raises(ServiceError, match="no keys today"):
        await hear(transcriber(peer, key=Mint(peer.account, failures=1, retryable=False)), short())
    assert peer.connections == []


async def test_a_made_key_that_is_refused_is_not_made_again(autojump_clock: object) -> None:
    """Two keys in a row that the service does not know are one too many."""
    peer = SonioxPeer(short(), account=Account(keys=["main"]))
    keys = iter(["one", "two", "three", "four"])
    with pytest.raises(Unauthenticated):
        await hear(transcriber(peer, key=lambda: next(keys)), short())
    assert len(peer.connections) == 2


# --- before the call ---


async def test_opening_waits_for_a_service_that_is_just_starting(autojump_clock: object) -> None:
    """Three refused upgrades before the call cost a second or two, and the call begins."""
    refusals = [Reject(status=503, connection=number) for number in (1, 2, 3)]
    peer = SonioxPeer(short(), faults=refusals)
    attempts = Attempts(peer.transport)
    heard = await hear(transcriber(peer, transport=attempts), short())
    assert heard.text == "good morning my dear friend"
    assert attempts.at[-1] <= 2.5


@pytest.mark.parametrize(
    "fault", [HalfOpen(At(bytes_received=0), connection=None), Cut(At(bytes_sent=9), connection=None)]
)
async def test_opening_ends_within_what_a_session_waits(fault: Any, autojump_clock: object) -> None:
    """A service that never completes the upgrade is given up in less than ten seconds, and the reason is said."""
    attempts = Attempts(SonioxPeer(short(), faults=[fault]).transport)
    start = trio.current_time()
    with pytest.raises(Unavailable, match=r"can't connect: (no handshake within 4 s|it ended the handshake early)"):
        await hear(transcriber(SonioxPeer(), transport=attempts), short())
    assert trio.current_time() - start < 10.0
    assert len(attempts.at) >= 2


async def test_one_lost_handshake_is_not_the_end(autojump_clock: object) -> None:
    """Where the first upgrade hangs, a second attempt is made in time for the call."""
    peer = SonioxPeer(short(), faults=[HalfOpen(At(bytes_sent=20))])
    heard = await hear(transcriber(peer), short())
    assert heard.text == "good morning my dear friend"


async def test_ears_can_be_used_again(autojump_clock: object) -> None:
    """A stream after the first, and one after a stream that was cancelled, find open ears."""
    peer = SonioxPeer(short())
    async with transcriber(peer).open() as run:
        first = await listen(run, short())
        with trio.move_on_after(1.0):
            await listen(run, short())
        third = await listen(run, short())
    assert first.text == third.text == "good morning my dear friend"
    assert [record.closed_at is not None for record in peer.connections] == [True] * 3


async def test_a_connection_that_is_lost_before_the_call_is_made_again(autojump_clock: object) -> None:
    """What happens between opening and the first sound is learnt when that comes, and costs nothing."""
    peer = SonioxPeer(short(), faults=[Cut(At(seconds=2.0))])
    async with transcriber(peer).open() as run:
        await trio.sleep(6.0)
        heard = await listen(run, short())
    assert heard.text == "good morning my dear friend"
    assert heard.at(SttUp)[0] <= 1.0


# --- what the caller says and the bot answers ---


async def test_every_field_of_the_configuration_arrives(autojump_clock: object) -> None:
    """What is configured is what the service is sent, with the format of the sound added."""
    config = SttConfig(
        model="stt-rt-v5",
        language_hints=("en", "de"),
        language_hints_strict=True,
        context=Context(text="A call about trains.", terms=("Voicekit",)),
        enable_speaker_diarization=True,
        enable_language_identification=True,
        enable_endpoint_detection=True,
        max_endpoint_delay_ms=1_500,
        endpoint_sensitivity=0.3,
        endpoint_latency_adjustment_level=2,
        translation=Translation(type="one_way", target_language="de"),
        client_reference_id="call 17",
    )
    peer = SonioxPeer(short())
    heard = await hear(transcriber(peer, config=config), short())
    sent = json.loads(peer.connections[0].texts()[0])
    assert sent == {
        "model": "stt-rt-v5",
        "audio_format": "pcm_s16le",
        "sample_rate": 16_000,
        "num_channels": 1,
        "language_hints": ["en", "de"],
        "language_hints_strict": True,
        "context": {"text": "A call about trains.", "terms": ["Voicekit"]},
        "enable_speaker_diarization": True,
        "enable_language_identification": True,
        "enable_endpoint_detection": True,
        "max_endpoint_delay_ms": 1_500,
        "endpoint_sensitivity": 0.3,
        "endpoint_latency_adjustment_level": 2,
        "translation": {"type": "one_way", "target_language": "de"},
        "client_reference_id": "call 17",
    }
    assert {word.speaker for word in heard.words} == {"1"}
    assert {word.language for word in heard.words} == {"en"}
    assert "".join(event.text + " " for event in heard.of(Translated) if event.is_final).split() == (
        ["GOOD", "MORNING", "MY", "DEAR", "FRIEND"]
    )


async def test_words_of_two_sessions_are_joined_by_a_space(autojump_clock: object) -> None:
    """The first word that a new session hears has no space in front of it, and gets one, in translations too."""
    config = SttConfig(enable_endpoint_detection=True, translation=Translation(type="one_way", target_language="de"))
    peer = SonioxPeer(short(), faults=[Cut(At(seconds=0.9))])
    heard = await hear(transcriber(peer, config=config), short())
    assert "".join(word.text for word in heard.words) == "good morning my dear friend"
    translated = [event for event in heard.of(Translated) if event.is_final]
    assert "".join(word.text for event in translated for word in event.words).split()[-1] == "FRIEND"


def changed(change: Any) -> Change:
    """Every answer of the first connection, decoded, through `change` and encoded again."""

    def apply(message: Any) -> str:
        answer = json.loads(message)
        return json.dumps(change(answer) or answer)

    return Change(change=apply)


def with_unknown_fields(answer: dict[str, Any]) -> None:
    answer["news"] = {"of": ["the", "future"]}
    for token in answer["tokens"]:
        token["mood"] = "good"


def with_nulls(answer: dict[str, Any]) -> None:
    for field in ("error_code", "error_type", "error_message", "finished"):
        answer.setdefault(field, None)
    for token in answer["tokens"]:
        for field in ("speaker", "language", "translation_status"):
            token.setdefault(field, None)
        token["confidence"] = None


def without_order(answer: dict[str, Any]) -> None:
    """Tokens that may still change in front of those that won't."""
    answer["tokens"].sort(key=lambda token: token["is_final"])


def with_empty_answers(answer: dict[str, Any]) -> dict[str, Any] | None:
    """Nothing but nulls where there are no words anyway."""
    return None if answer["tokens"] or "finished" in answer else dict.fromkeys(answer)


@pytest.mark.parametrize("change", [with_unknown_fields, with_nulls, without_order, with_empty_answers])
async def test_odd_answers_are_understood(change: Any, autojump_clock: object) -> None:
    """Fields from the future, nulls, and tokens in another order change neither a word nor the connection."""
    peer = SonioxPeer(short(), faults=[changed(change)])
    heard = await hear(transcriber(peer), short())
    assert heard.text == "good morning my dear friend"
    assert len(peer.connections) == 1


@pytest.mark.parametrize(
    "token",
    [
        {"text": " late", "start_ms": 10, "end_ms": 20, "is_final": True},
        {"text": " future", "start_ms": 9e6, "end_ms": 9e7, "is_final": True},
        {"text": " past", "start_ms": -5, "end_ms": -9, "is_final": True},
        {"text": " never", "is_final": True},
        {"text": None, "start_ms": None, "end_ms": None, "is_final": None},
    ],
    ids=["late", "future", "past", "never", "null"],
)
async def test_words_at_impossible_times_do_no_harm(token: dict[str, Any], autojump_clock: object) -> None:
    """A token whose times can't be true is heard within the sound there is, and everything else as ever."""
    peer = SonioxPeer(short(), faults=[SayMessage(At(seconds=1.0), json.dumps({"tokens": [token]}))])
    heard = await hear(transcriber(peer), short())
    words = [word for word in heard.text.split() if word not in ("late", "future", "past", "never")]
    assert words == ["good", "morning", "my", "dear", "friend"]
    assert len(peer.connections) == 1
    assert all(0 <= word.start <= word.end <= 32_000 for word in heard.words)


@pytest.mark.parametrize("rate", [8_000, 16_000, 48_000])
async def test_any_rate_will_do(rate: int, autojump_clock: object) -> None:
    """The service is sent the sound as it is offered, at its own rate, and words are timed in its samples."""
    sound = AudioFormat(rate)
    peer = SonioxPeer(short())
    ears = transcriber(peer)
    assert ears.negotiate(sound) == sound
    heard = await hear(ears, short(), sound=sound)
    assert heard.text == "good morning my dear friend"
    assert peer.connections[0].config is not None
    assert peer.connections[0].config.sample_rate == rate
    assert heard.words[-1].end == pytest.approx(1.2 * rate, abs=rate / 500)


async def test_behind_a_long_gap_words_come_at_once_and_with_their_times(autojump_clock: object) -> None:
    """Where the source itself has a hole of half a minute, what is said behind it is not held up by its silence."""
    script = Script()
    script.says("before the hole", at=0.2, for_=1.0)
    script.says("and behind it", at=35.0, for_=1.0)
    script.stays(until=40.0)
    peer = SonioxPeer(script)
    heard = await hear(transcriber(peer), script, hole=(3.0, 33.0))
    assert heard.text == "before the hole and behind it"
    assert len(peer.connections) == 1
    assert heard.at(Endpoint) == pytest.approx([1.9, 36.7], abs=0.5)
    assert heard.words[-1].end == pytest.approx(36.0 * 16_000, abs=32)
    assert sum(kept.data_bytes for kept in peer.connections[0].received) == 2 * 16_000 * (40.0 - 30.0 + 3.0)


async def test_who_reads_slowly_misses_only_what_is_replaced(autojump_clock: object) -> None:
    """When nobody takes the transcripts for a minute, finals and endpoints wait, and of the rest the latest."""
    script = long(60.0)
    said: list[Any] = []
    outlet, inbox = open_link(PCM16K.samples(5.0), Full.DROP_OLDEST, name="sound")
    outbox, inlet = open_link(1, weigh=lambda _: 1, name="transcripts")

    async def read() -> None:
        await trio.sleep(70.0)
        async for event in inlet:
            said.append(event)

    async with transcriber(SonioxPeer(script)).open() as run, trio.open_nursery() as nursery:
        with inbox, inlet, outbox:
            nursery.start_soon(play, script, outlet)
            nursery.start_soon(read)
            await run(inbox, outbox)
            outbox.close()
            await trio.sleep(1.0)
    assert joined(word for event in said if isinstance(event, Final) for word in event.words) == text_of(script)
    assert sum(isinstance(event, Endpoint) for event in said) == len(script.sounds)
    assert sum(isinstance(event, Interim | Progress) for event in said) <= 4


async def test_the_ears_keep_the_contract(autojump_clock: object) -> None:
    """What every transcriber promises, these promise too: end, cancel, order, memory, and to run again."""
    script = Script()
    script.says("good morning my dear friend", at=0.2, for_=1.0)
    script.stays(until=2.0)
    speech = AudioFrame(script.pcm(0, 32_000, 16_000), 0, PCM16K)

    def make() -> SonioxStt:
        peer = SonioxPeer(script)
        return SonioxStt(key=KEY, endpoints=peer.endpoints, transport=peer.transport, roll=lambda: 0.5)

    await check_stt(make, speech)


# --- the wire log ---


async def test_the_wire_log_tells_everything_but_the_key(tmp_path: Path, autojump_clock: object) -> None:
    """Both directions, lengths of sound, texts, times and broken lines are in the file; a key is nowhere in it."""
    inline.set(True)
    echo = SayMessage(At(seconds=1.0), json.dumps({"tokens": [], "note": KEY, "api_key": "sk-somebody-else"}))
    peer = SonioxPeer(short(), faults=[echo, Cut(At(seconds=1.5))])
    path = tmp_path / "wire.jsonl"
    await trio.sleep(5.0)
    async with open_wire_log(path) as log:
        heard = await hear(transcriber(peer, wire_log=log), short())
    text = path.read_text()
    assert KEY not in text
    assert "sk-somebody-else" not in text
    lines = [json.loads(line) for line in text.splitlines()]
    assert {line["on"] for line in lines} == {"transcribe-websocket"}
    assert [line["way"] for line in lines if line["way"] in ("opened", "lost")][:3] == ["opened", "lost", "opened"]
    sent = [line for line in lines if line["way"] == "sent"]
    received = [line for line in lines if line["way"] == "received"]
    assert json.loads(sent[0]["text"])["model"] == "stt-rt-v5"
    assert sum(line.get("bytes") == 640 for line in sent) >= 100
    assert sum("good" in line["text"] for line in received) >= 1
    assert sent[-1]["text"] == ""
    assert json.loads(received[-1]["text"])["finished"]
    assert lines[0]["at"] == 0.0
    assert 2.0 <= lines[-1]["at"] <= 3.0
    assert heard.text == "good morning my dear friend"


async def test_sound_in_the_wire_log_is_its_length(tmp_path: Path) -> None:
    """Speech comes as base64 in text; it is not what one reads a log for."""
    path = tmp_path / "wire.jsonl"
    async with open_wire_log(path) as log:
        log("tts-websocket", "received", '{"stream_id":"1","audio":"' + "QUJD" * 1_000 + '","audio_end":false}')
        log("tts-websocket", "received", '{"stream_id":"1","audio":"","audio_end":true}')
    assert [json.loads(line)["text"] for line in path.read_text().splitlines()] == [
        '{"stream_id":"1","audio":"4000 characters","audio_end":false}',
        '{"stream_id":"1","audio":"","audio_end":true}',
    ]


async def test_a_wire_log_that_cannot_be_written_is_said_before_the_call(tmp_path: Path) -> None:
    """A folder that is not there is a ConfigError that names the file."""
    with pytest.raises(ConfigError, match="wire log: can't write"):
        async with open_wire_log(tmp_path / "nowhere" / "wire.jsonl"):
            raise AssertionError


# --- over loopback ---


@pytest.mark.parametrize("kind", [TrioWebsocket, DirectWebsocket])
async def test_real_sockets_are_lost_and_closed_in_good_order(
    kind: type[TrioWebsocket] | type[DirectWebsocket],
) -> None:
    """Over TCP, with a break in the middle, the transcript is whole and no socket is left open."""
    script = Script()
    script.says("good morning", at=0.1, for_=0.5)
    script.stays(until=1.5)
    peer = SonioxPeer(script, faults=[Cut(At(seconds=0.4))])
    async with peer.serve() as endpoints:
        heard = await hear(transcriber(peer, endpoints=endpoints, transport=kind()), script)
    assert heard.text == "good morning"
    assert len(peer.connections) == 2
    assert len(heard.of(Final)) >= 1


async def test_a_port_where_nobody_listens_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    """A refused TCP connection is Unavailable, with the system's own words."""
    monkeypatch.setattr(module, "OPENING_S", 0.0)
    peer = SonioxPeer(short())
    async with peer.serve() as endpoints:
        pass
    ears = transcriber(peer, endpoints=endpoints, transport=TrioWebsocket())
    with pytest.raises(Unavailable, match="can't connect: ConnectionRefusedError"):
        await hear(ears, short())
