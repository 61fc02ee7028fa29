"""Cloudonix' streams: Twilio's messages and `<Connect><Stream>`, in mu-law at 8 kHz.

Facts: its page on streams and a thread of a framework that speaks to it. Never run against Cloudonix from here. When
the socket ends, the call goes on with the next verb, so the document that leads to us has a `<Hangup/>` behind it.
Unproven: whether its requests are signed. They are taken to be not, so a token stands in the webhook's path.
"""

from __future__ import annotations

from collections.abc import Mapping

from voicekit_phone import twilio
from voicekit_phone.twilio import TwilioPeer, TwilioWire


class CloudonixWire(TwilioWire):
    """Our side of one stream. Closing the socket goes on to the `<Hangup/>` of `stream_cxml`."""

    name = "cloudonix"


class CloudonixPeer(TwilioPeer):
    """Cloudonix' side of one stream, for tests."""


def stream_cxml(url: str, parameters: Mapping[str, str] | None = None) -> str:
    """The document that joins the call to `url`, and hangs up afterwards."""
    return twilio.connect_twiml(url, parameters).replace("</Connect>", "</Connect><Hangup/>")
