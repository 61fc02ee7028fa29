"""Cloudonix' streams: Twilio's messages and `<Connect><Stream>`, in mu-law at 8 kHz.

Sources: Cloudonix' page on streams, and a discussion of support for Cloudonix in another framework. Not tested against
Cloudonix itself. When the socket ends, the call continues with the next verb, so our document ends with `<Hangup/>`.
Not verified: whether Cloudonix signs its requests. We assume that it does not, so the webhook's path contains a token.
"""

from __future__ import annotations

from collections.abc import Mapping

from voicekit_phone import twilio
from voicekit_phone.twilio import TwilioPeer, TwilioWire


class CloudonixWire(TwilioWire):
    """Our side of one stream. If we close the socket, the `<Hangup/>` of `stream_cxml` follows."""

    name = "cloudonix"


class CloudonixPeer(TwilioPeer):
    """Cloudonix' side of one stream, for tests."""


def stream_cxml(url: str, parameters: Mapping[str, str] | None = None) -> str:
    """The document that connects the call to `url`, and hangs up afterwards."""
    return twilio.connect_twiml(url, parameters).replace("</Connect>", "</Connect><Hangup/>")
