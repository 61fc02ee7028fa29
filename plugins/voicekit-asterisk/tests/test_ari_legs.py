"""One call's orders to ARI in virtual time: which requests a transfer becomes, in which order, whatever happens."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, cast

import pytest
import trio
from trio.testing import MockClock

from voicekit.call.control import check_target
from voicekit.errors import ConfigError, ServiceError, Unavailable
from voicekit_asterisk import ari
from voicekit_asterisk.ari import AriNames, AriRequest
from voicekit_asterisk.ari_call import JOIN_S, AriLegs
from voicekit_asterisk.ari_client import AriClient

NAMES = AriNames("vk", "3f2a")


class ScriptedAri:
    """Notes each request; `refuses` are endings of paths that it refuses, `then` is called behind each request."""

    def __init__(self, *refuses: str, then: Callable[[AriRequest], None] | None = None) -> None:
        self.asked: list[str] = []
        self._refuses = refuses
        self._then = then

    async def ask(self, request: AriRequest) -> Any:
        await trio.lowlevel.checkpoint()
        path = request.path.split("?")[0].replace("voicekit-vk-3f2a-", "")
        self.asked.append(f"{request.method} {path}")
        if path.endswith(self._refuses):
            raise ServiceError("refused", service="asterisk", code=409)
        if self._then is not None:
            self._then(request)

    async def ask_again(self, request: AriRequest) -> bool:
        try:
            await self.ask(request)
        except ServiceError:
            return False
        return True


def legs_of(client: ScriptedAri) -> AriLegs:
    return AriLegs(cast("AriClient", client), NAMES, "1.1", context="people")


def happens(legs: AriLegs, kind: str, channel: str) -> None:
    message = json.dumps({"type": kind, "channel": {"id": channel}})
    legs.happened(ari.read_ari(message), message)


def run(main: Callable[[], Any]) -> None:
    trio.run(main, clock=MockClock(autojump_threshold=0))


def test_an_extension_is_where_the_dialplan_goes_on() -> None:
    """One request, and nothing is waited for."""

    async def main() -> None:
        client = ScriptedAri()
        await legs_of(client).transfer("200")
        assert client.asked == ["POST /channels/1.1/continue"]

    run(main)


def test_an_endpoint_is_joined_behind_music() -> None:
    """The caller hears music while the endpoint rings, and is back in the bridge when it has answered."""

    async def main() -> None:
        def answer(request: AriRequest) -> None:
            if request.path == "/channels":
                happens(legs, "StasisStart", NAMES.partner)

        client = ScriptedAri(then=answer)
        legs = legs_of(client)
        await legs.transfer("PJSIP/200")
        assert client.asked == [
            "POST /bridges/bridge/removeChannel", "POST /channels/1.1/moh", "POST /channels",
            "POST /bridges/bridge/addChannel", "DELETE /channels/1.1/moh", "POST /bridges/bridge/addChannel",
        ]  # fmt: skip
        assert json.loads(str(await legs.stream.receive())) == {"type": "StasisEnd", "channel": {"id": "1.1"}}

    run(main)


@pytest.mark.parametrize("answers", [True, False])
def test_an_endpoint_that_does_not_answer_is_hung_up_and_another_can_be_called(answers: bool) -> None:
    """After one that is busy, and one that never answers, what those have left over is not taken for the third."""

    async def main() -> None:
        rung: list[str] = []

        def ring(request: AriRequest) -> None:
            if request.path == "/channels":
                rung.append(str((request.body or {})["endpoint"]))
                if rung[-1] == "PJSIP/busy":
                    happens(legs, "ChannelDestroyed", NAMES.partner)
                if rung[-1] == "PJSIP/200":
                    happens(legs, "StasisStart" if answers else "ChannelDestroyed", NAMES.partner)
            elif request.method == "DELETE" and "partner" in request.path:
                happens(legs, "ChannelDestroyed", NAMES.partner)

        client = ScriptedAri(then=ring)
        legs = legs_of(client)
        for endpoint, seconds in (("PJSIP/busy", 0), ("PJSIP/silent", JOIN_S)):
            began = trio.current_time()
            with pytest.raises(Unavailable):
                await legs.transfer(endpoint)
            assert trio.current_time() - began == pytest.approx(seconds, abs=0.1)
            assert client.asked[-2:] == ["DELETE /channels/1.1/moh", "POST /bridges/bridge/addChannel"]
        if answers:
            await legs.transfer("PJSIP/200")
        else:
            with pytest.raises(Unavailable):
                await legs.transfer("PJSIP/200")
        assert rung == ["PJSIP/busy", "PJSIP/silent", "PJSIP/200"]

    run(main)


def test_a_caller_who_leaves_while_the_endpoint_rings_has_it_hung_up() -> None:
    """The clean-up of a call knows the channel that rings for it."""

    async def main() -> None:
        client = ScriptedAri()
        legs = legs_of(client)
        with trio.move_on_after(2):
            await legs.transfer("PJSIP/200")
        await legs._clean_up()
        assert "DELETE /channels/partner" in client.asked

    run(main)


def test_a_caller_who_can_hear_no_music_is_back_in_the_bridge() -> None:
    """A music that Asterisk refuses ends the transfer, and not the call."""

    async def main() -> None:
        client = ScriptedAri("moh")
        with pytest.raises(ServiceError):
            await legs_of(client).transfer("PJSIP/200")
        assert client.asked[-1] == "POST /bridges/bridge/addChannel"

    run(main)


def test_a_telephone_that_can_not_be_redirected_stays() -> None:
    """What Asterisk refuses is raised, and the caller is back in the bridge."""

    async def main() -> None:
        client = ScriptedAri("redirect")
        with pytest.raises(ServiceError):
            await legs_of(client).transfer("sip:anna@pbx.example")
        assert client.asked == [
            "POST /bridges/bridge/removeChannel", "POST /channels/1.1/redirect", "POST /bridges/bridge/addChannel",
        ]  # fmt: skip

    run(main)


@pytest.mark.parametrize("target", ["PJSIP/200", "Local/100@people", "PJSIP/+15550001@trunk", "200", "sales"])
def test_what_a_caller_can_be_handed_over_to(target: str) -> None:
    """Extensions, routes and endpoints of Asterisk."""
    assert check_target(target) == target


@pytest.mark.parametrize("target", ["PJSIP/", "/200", "PJSIP/200&PJSIP/201", "PJSIP/200/300", "pjsip/200", "PJSIP/2 0"])
def test_what_is_no_target(target: str) -> None:
    """Nothing that Asterisk would read as two endpoints, or with an order of its own."""
    with pytest.raises(ConfigError):
        check_target(target)
