"""The scripted peer, proved by a client that is not ours: the vendor's own package, over loopback."""

from __future__ import annotations

import base64
import json
import sys
from pathlib import Path
from typing import Any

import pytest
import trio

from tests.e2e.official_client import CANCELLED, TEXTS
from voicekit.soniox.server.account import Account
from voicekit.testing import Script
from voicekit.testing.soniox import SonioxPeer, Speaking, spoken

pytestmark = pytest.mark.slow

RATE = 16_000
PROGRAM = Path(__file__).with_name("official_client.py")


@pytest.fixture(scope="module")
def talk(tmp_path_factory: pytest.TempPathFactory) -> tuple[SonioxPeer, dict[str, Any]]:
    """The peer, and what the vendor's client got from it."""
    script = Script()
    script.says("good morning everybody", at=0.2, for_=1.4)
    script.says("how are you", at=2.6, for_=0.9)
    peer = SonioxPeer(script, account=Account(["secret"]), speaking=Speaking(faster=20.0))
    sound = tmp_path_factory.mktemp("sound") / "sound.raw"
    sound.write_bytes(script.pcm(0, round(script.until * RATE), RATE))

    async def run() -> bytes:
        async with peer.serve() as endpoints:
            command = [sys.executable, str(PROGRAM), endpoints.stt, endpoints.tts, "secret", str(sound)]
            with trio.fail_after(240):
                return (await trio.run_process(command, capture_stdout=True)).stdout

    return peer, json.loads(trio.run(run))


def test_it_transcribes_and_finalizes(talk):
    """Every word comes once, both markers come where they were caused, and the session ends in good order."""
    peer, said = talk
    heard = said["heard"]
    assert heard["text"] == "good morning everybody<fin><end> how are you<end>"
    assert (heard["finished"], heard["errors"], heard["speakers"]) == (True, [], ["1"])
    assert heard["total_ms"] == round(peer.hearings[0].runs[-1].samples / 16)
    assert heard["interims"] > 10
    assert peer.transcripts == ["good morning everybody how are you"]


def test_it_speaks_several_streams_at_once(talk):
    """Three streams interleave on one connection, and each says its own text, with its characters' times."""
    peer, said = talk
    assert {name: _spoken(one["pcm"]) for name, one in said["spoken"].items()} == TEXTS
    assert {name: one["characters"] for name, one in said["spoken"].items()} == {
        name: text.removesuffix(" ") for name, text in TEXTS.items()
    }
    streams = peer.speakings[0].streams
    assert max(stream.started_at for stream in streams) < min(stream.over_at for stream in streams)


def test_it_cancels_a_stream(talk):
    """After a cancel the stream is terminated without the end of its sound, and its name may be used again."""
    peer, said = talk
    cancelled = said["cancelled"]
    assert CANCELLED.startswith(_spoken(cancelled["first"]))
    assert (cancelled["terminated"], cancelled["audio_end"]) == (True, False)
    assert _spoken(cancelled["second"]) == "Again."
    assert len(peer.cancelled_at) == 1
    assert _spoken(said["single"]) == "Alone."


def test_its_key_came_in_the_header_alone(talk):
    """The vendor's client sends its key once, with the handshake, and a wrong one is refused after the upgrade."""
    peer, said = talk
    assert {tuple(record.key_places) for record in peer.connections} == {("header",)}
    last = peer.connections[-1]
    assert (last.accepted_at is not None, last.refusal.error_type) == (True, "unauthenticated")
    # If the refusal comes while the client is still sending its start message, it reports only the failed start.
    assert said["refused"].endswith(("(code 401)", "Failed to start realtime Text-to-Speech connection"))


def _spoken(data: str) -> str:
    return spoken(base64.b64decode(data), RATE)
