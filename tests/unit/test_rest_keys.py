"""Keys for browsers and telephones: always temporary, always limited, never the main one."""

from __future__ import annotations

import json

import pytest
import trio
from trio.testing import MockClock

from tests.unit.rest_kit import KEY, talking
from voicekit.errors import ConfigError
from voicekit.soniox.rest import KeyDesk, KeyRequest, SonioxClient
from voicekit.soniox.server.account import Account, Key, Service
from voicekit.soniox.server.rest.refusal import REST_CODES
from voicekit.testing.soniox.rest import RestPeer
from voicekit.testing.soniox.rest_faults import RefusedRequest

ONE_MINUTE = KeyRequest(
    usage_type="transcribe_websocket", expires_in_seconds=60, single_use=True, max_session_duration_seconds=300
)


async def test_a_client_gets_a_key_of_its_own(autojump_clock: MockClock) -> None:
    """The answer holds a temporary key with the limits that were set, under the client's name, and not for caches."""
    peer = RestPeer(account=Account([KEY]))
    async with talking(peer) as soniox:
        reply = await KeyDesk(soniox, ONE_MINUTE).answer("POST", client="user-17")
    body = json.loads(reply.body)
    assert (reply.status, set(body)) == (201, {"api_key", "expires_at"})
    assert ("cache-control", "no-store") in reply.headers
    key = peer.server.account.authenticate(body["api_key"], Service.STT, trio.current_time())
    assert isinstance(key, Key)
    assert (key.single_use, key.session_s, key.usage) == (True, 300.0, Service.STT)
    assert json.loads(peer.requests[0].body)["client_reference_id"] == "user-17"


@pytest.mark.parametrize("error_type", sorted(REST_CODES))
async def test_the_main_key_never_leaves(autojump_clock: MockClock, error_type: str) -> None:
    """Whatever the service answers, even with the key in its words, the client sees a word for it and no key."""
    peer = RestPeer(faults=[RefusedRequest(error_type=error_type, message=f"No, {KEY}.", times=9)])
    async with talking(peer) as soniox:
        reply = await KeyDesk(soniox, ONE_MINUTE).answer("POST", client="user-17")
    assert reply.status in (502, 503)
    assert json.loads(reply.body) == {"error": error_type}
    assert KEY not in repr(reply)


async def test_a_service_that_is_away_is_told(autojump_clock: MockClock) -> None:
    """Without a connection the client hears that it may try again."""
    peer = RestPeer()
    peer.away = True
    async with talking(peer) as soniox:
        reply = await KeyDesk(soniox, ONE_MINUTE).answer("POST", client="user-17")
    assert (reply.status, json.loads(reply.body)) == (503, {"error": "service_unavailable"})


async def test_each_client_has_so_many_a_minute(autojump_clock: MockClock) -> None:
    """One client in a loop is refused for a while, and the others are not."""
    peer = RestPeer()
    async with talking(peer) as soniox:
        desk = KeyDesk(soniox, ONE_MINUTE, per_minute=2)
        assert [(await desk.answer("POST", client="a")).status for _ in range(3)] == [201, 201, 429]
        assert (await desk.answer("POST", client="b")).status == 201
        await trio.sleep(60)
        assert (await desk.answer("POST", client="a")).status == 201
    assert len(peer.requests) == 4


async def test_other_methods_and_names_are_refused(autojump_clock: MockClock) -> None:
    """Only a POST makes a key, and a name that the service would refuse never leaves."""
    peer = RestPeer()
    async with talking(peer) as soniox:
        desk = KeyDesk(soniox, ONE_MINUTE)
        assert (await desk.answer("GET", client="a")).status == 405
        assert (await desk.answer("POST", client="x" * 257)).status == 400
    assert len(peer.requests) == 0


def test_limits_are_checked_when_it_is_set_up() -> None:
    """Limits that the service would refuse are found when the server starts, not when its first client asks."""
    soniox = SonioxClient(KEY)
    with pytest.raises(ConfigError, match="expires_in_seconds"):
        KeyDesk(soniox, KeyRequest(usage_type="tts_rt", expires_in_seconds=7200))
    with pytest.raises(ConfigError, match="at least one key"):
        KeyDesk(soniox, ONE_MINUTE, per_minute=0)
