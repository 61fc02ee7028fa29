"""All limits of the server in one place; they restrict how much a stranger can use. The README has them as a table."""

from __future__ import annotations

from typing import Final

HEAD_BYTES: Final = 16 * 1024
"""The largest head of a request, in bytes."""

BODY_BYTES: Final = 64 * 1024
"""The largest body of a webhook, in bytes; carriers send one or two KiB."""

BODY_S: Final = 5.0
"""Seconds within which a webhook's body must be complete."""

FORM_FIELDS: Final = 200
"""The maximum number of fields in a form; carriers send about 40."""

MESSAGE_BYTES: Final = 256 * 1024
"""The largest websocket message, in bytes; a larger one closes the websocket with code 1009."""

PING_S: Final = 20.0
"""Seconds between two pings of a websocket: proxies cut connections that are silent for 60 s."""

WAITING: Final = 64
"""The number of accepted sockets that may be waiting to start their calls; each has START_S to start its call."""

ACCEPTED_S: Final = 1.0
"""Seconds in which a process that has stopped listening still lets in calls on connections already accepted."""

CLOSING_S: Final = 2.0
"""Seconds that connections have to close when their calls are over. If a connection is cut while the caller is still
sending, our last message is lost."""

DRAIN_S: Final = 300.0
"""Seconds for which calls may continue after the first signal; then they hear the farewell."""
