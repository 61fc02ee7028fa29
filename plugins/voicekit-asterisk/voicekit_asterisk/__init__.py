"""Your own Asterisk as a telephone line, over AudioSocket, chan_websocket (opened by either side) or ARI."""

from __future__ import annotations

from typing import TYPE_CHECKING

from voicekit import hookimpl

if TYPE_CHECKING:
    from voicekit.extend import Registry


@hookimpl
def voicekit_register(registry: Registry) -> None:
    registry.transport("audiosocket", "voicekit_asterisk.audiosocket_transport:AudioSocket")
    registry.transport("chan_websocket", "voicekit_asterisk.websocket_transport:ChanWebsocket")
    registry.transport("ari", "voicekit_asterisk.ari_transport:Ari")
