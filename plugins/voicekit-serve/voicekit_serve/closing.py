"""The code with which the far side closes a websocket, where hypercorn 0.18 loses it.

Its stream tells the app 1006 for every close that is not the app's own. On a wire whose only goodbye is the close
(Vonage, jambonz, chan_websocket), 1000 means that the caller has hung up and 1006 that the connection was lost, so the
code decides why a call ended.
"""

from __future__ import annotations

from typing import Any

from hypercorn.protocol import h2, h11
from hypercorn.protocol.events import StreamClosed
from hypercorn.protocol.ws_stream import WSStream
from wsproto.connection import ConnectionState
from wsproto.events import CloseConnection


class ClosingStream(WSStream):
    """A websocket of hypercorn's that passes on the far side's own code."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._their_code: int | None = None

    async def handle(self, event: Any) -> None:
        if isinstance(event, StreamClosed) and self._their_code is not None and not self.closed:
            self.closed = True
            if self.app_put is not None:
                await self.app_put({"type": "websocket.disconnect", "code": self._their_code})
            return
        await super().handle(event)

    async def _send_wsproto_event(self, event: Any) -> None:
        if isinstance(event, CloseConnection) and self.connection.state is ConnectionState.REMOTE_CLOSING:
            self._their_code = int(event.code)  # this is our answer, which repeats it
        await super()._send_wsproto_event(event)


def pass_on_codes() -> None:
    """Have hypercorn's connections of this process use ClosingStream. Twice is once."""
    for module in (h11, h2):
        module.WSStream = ClosingStream  # type: ignore[attr-defined]
