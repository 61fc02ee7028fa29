"""What a stranger may cost: every limit of the server in one place. README has them as a table."""

from __future__ import annotations

from typing import Final

HEAD_BYTES: Final = 16 * 1024
"""Of a request's head."""

BODY_BYTES: Final = 64 * 1024
"""Of a webhook's body; carriers send one or two KiB."""

BODY_S: Final = 5.0
"""Seconds in which a webhook's body must have come."""

FORM_FIELDS: Final = 200
"""Fields of a form; carriers send some 40."""

MESSAGE_BYTES: Final = 256 * 1024
"""Of a websocket's message; longer ones close it with 1009."""

PING_S: Final = 20.0
"""Between two pings of a websocket: proxies cut what is silent for 60 s."""

WAITING: Final = 64
"""Sockets that have been accepted and have not started their call yet. Each has START_S for it."""

ACCEPTED_S: Final = 1.0
"""Seconds in which a process that listens no more still lets in the calls whose connections it had accepted."""

CLOSING_S: Final = 2.0
"""Seconds that connections have to close when their calls are over: one that is cut while the caller still sends takes
the last message with it."""

DRAIN_S: Final = 300.0
"""Seconds that calls may go on after the first signal; then they hear the farewell."""
