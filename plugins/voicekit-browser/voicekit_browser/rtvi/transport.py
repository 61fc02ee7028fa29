"""The route for RTVI. It admits visitors under the page's rules, but RTVI clients send their token in the URL."""

from __future__ import annotations

import secrets
from urllib.parse import parse_qs, urlsplit

from voicekit.audio.format import AudioFormat
from voicekit.call.info import Known
from voicekit.call.tokens import TokenRefused
from voicekit.call.transport import Site, SocketRoute, Upgrade
from voicekit_browser.doors import Door
from voicekit_browser.rtvi.shown import RtviShown
from voicekit_browser.rtvi.wire import Answer, RtviWire


def rtvi_route(
    site: Site, door: Door, spoken: AudioFormat, *, details: bool, answer: Answer | None = None
) -> SocketRoute:
    """The route /rtvi; a socket with a foreign origin or without a valid token is rejected with 403."""

    async def receive(upgrade: Upgrade) -> None:
        if door.is_foreign(upgrade.headers):
            await upgrade.refuse(403)
            return
        given = parse_qs(urlsplit(upgrade.target).query).get("token", [""])[0]
        try:
            facts = door.enter(given, site)
        except TokenRefused:
            await upgrade.refuse(403)
            return
        call = Known(secrets.token_urlsafe(9)) if facts is None else Known(facts.call_id)
        wire = RtviWire(call, spoken, shown=lambda wire: RtviShown(wire, site.now, details=details), answer=answer)
        await site.hold(upgrade, wire, facts)

    return SocketRoute("/rtvi", receive)
