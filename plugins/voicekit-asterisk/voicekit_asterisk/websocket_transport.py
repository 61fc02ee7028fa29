"""chan_websocket as a transport of a server, for an Asterisk that connects to us: one route, with HTTP Basic login.

    websocket_client.conf    uri=ws://127.0.0.1:8080/asterisk/media, protocols=media, username=voicekit, password=...
    extensions.conf          Dial(WebSocket/voicekit/c(slin16)f(json)v(caller=${CALLERID(num)},called=${EXTEN}))

The password is in VOICEKIT_ASTERISK_PASSWORD. Whoever knows it is trusted, so the facts in `v(...)` count as signed.
"""

from __future__ import annotations

import os
from base64 import b64encode
from collections.abc import Sequence
from hmac import compare_digest
from urllib.parse import parse_qsl, urlsplit

from voicekit.call.transport import Route, Site, SocketRoute, Upgrade
from voicekit.errors import ConfigError
from voicekit_asterisk.chan_websocket import SUBPROTOCOL, ChanWebsocketWire

PASSWORD = "VOICEKIT_ASTERISK_PASSWORD"
MOST_PARAMETERS = 50


class ChanWebsocket:
    """Admits connections that log in with `user` and `password` (by default, VOICEKIT_ASTERISK_PASSWORD)."""

    name = "chan_websocket"

    def __init__(self, user: str = "voicekit", *, password: str | None = None) -> None:
        password = password or os.environ.get(PASSWORD)
        if not password:
            raise ConfigError(f"transport chan_websocket: expected Asterisk's password in {PASSWORD}, got none")
        self._expected = basic(user, password).encode()

    def routes(self, site: Site) -> Sequence[Route]:
        async def media(upgrade: Upgrade) -> None:
            if not compare_digest(upgrade.headers.get("authorization", "").encode(), self._expected):
                await upgrade.refuse(401)
                return
            await site.hold(upgrade, ChanWebsocketWire(_parameters(upgrade), trust="signed"), subprotocol=SUBPROTOCOL)

        return [SocketRoute("/asterisk/media", media)]


def basic(user: str, password: str) -> str:
    """The Authorization header's value for HTTP Basic login."""
    return f"Basic {b64encode(f'{user}:{password}'.encode()).decode('ascii')}"


def _parameters(upgrade: Upgrade) -> dict[str, str]:
    try:
        return dict(parse_qsl(urlsplit(upgrade.target).query, max_num_fields=MOST_PARAMETERS))
    except ValueError:
        return {}
