"""Telephone carriers: both sides of the protocols for their media streams, and their webhooks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from voicekit import hookimpl

if TYPE_CHECKING:
    from voicekit.extend import Registry

CARRIERS = ("Twilio", "Telnyx", "Plivo", "Vobiz", "Exotel", "Vonage", "Genesys", "Jambonz", "SignalWire", "Cloudonix")


@hookimpl
def voicekit_register(registry: Registry) -> None:
    for carrier in CARRIERS:
        registry.transport(carrier.lower(), f"voicekit_phone.transports:{carrier}")
