"""The scripted peer over loopback: real sockets and the real clock, with both transports."""

from __future__ import annotations

import pytest
import trio

from tests.e2e.soniox_kit import speak, story, transcribe, whole
from voicekit.soniox.connection.direct import DirectWebsocket
from voicekit.soniox.connection.transport import TrioWebsocket, Unconnected
from voicekit.soniox.server.account import Account
from voicekit.testing.soniox import At, Cut, Refuse, Reject, SonioxPeer, Speaking, StopReading, spoken

on_both = pytest.mark.parametrize("kind", [TrioWebsocket, DirectWebsocket])
SCRIPT = story()
SOUND = whole(SCRIPT)


@on_both
async def test_both_services_are_there(kind):
    """Our cores transcribe and speak as they do in memory, each connection with its key in the header alone."""
    peer = SonioxPeer(SCRIPT, account=Account(["a-key-for-tests"]), speaking=Speaking(faster=50.0, first_sound=0.01))
    async with peer.serve() as endpoints:
        heard = await transcribe(peer, SOUND, transport=kind(), endpoints=endpoints, pace=0)
        said = await speak(peer, ["one " * 20, "two " * 30], transport=kind(), endpoints=endpoints)
    assert heard.text == "good morning everybody how are you today"
    assert [spoken(said.pcm(name), 16_000) for name in ("s1", "s2")] == ["one " * 20, "two " * 30]
    assert [record.key_places for record in peer.connections] == [["header"], ["header"]]
    assert all(record.closed_at is not None for record in peer.connections)


@on_both
async def test_connections_break_on_real_sockets(kind):
    """Cuts, refusals and rejections reach our client as they do in memory, and the next connection is whole."""
    faults = [
        Cut(At(received=50), where="inside", connection=1),
        Cut(At(sent=4), where="inside", connection=2),
        Refuse(At(received=50), "service_unavailable", connection=3),
    ]
    peer = SonioxPeer(SCRIPT, faults=faults)
    async with peer.serve() as endpoints:
        heard = [await transcribe(peer, SOUND, transport=kind(), endpoints=endpoints, pace=0) for _ in range(4)]
        peer.faults = [Reject(status=503, connection=5)]
        with pytest.raises(Unconnected, match="HTTP 503"):
            await transcribe(peer, SOUND, transport=kind(), endpoints=endpoints)
    assert ["1006" in str(one.failure and one.failure.error) for one in heard] == [True, True, False, False]
    assert [one.failure is None for one in heard] == [False, False, False, True]
    assert heard[2].failure.error.code == 503
    assert heard[3].text == "good morning everybody how are you today"
    assert peer.hearings[0].received_count == 49


async def test_a_peer_that_stops_reading_fills_the_socket():
    """The operating system's buffers take some megabytes; then the client stands still."""
    peer = SonioxPeer(SCRIPT, faults=[StopReading(At(bytes_received=0))])
    async with peer.serve() as endpoints:
        port = int(endpoints.stt.split(":")[2].split("/")[0])
        async with await trio.open_tcp_stream("127.0.0.1", port) as stream:
            await stream.send_all(b"GET /transcribe-websocket HTTP/1.1\r\n")
            with trio.move_on_after(1.0) as scope:
                await stream.send_all(bytes(32 * 2**20))
    assert scope.cancelled_caught
