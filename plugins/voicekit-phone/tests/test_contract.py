"""Every carrier's wire keeps the contract of calls, against its own peer."""

from __future__ import annotations

import pytest

from voicekit.extend import load_plugins
from voicekit.testing import PhoneLine, check_call
from voicekit.testing.phone_call import dialect_of

WIRES = ("twilio", "signalwire", "telnyx", "plivo", "vobiz", "exotel", "vonage", "genesys", "jambonz")


@pytest.mark.slow
@pytest.mark.parametrize("wire", WIRES)
async def test_the_wire_keeps_the_contract_of_calls(wire: str, autojump_clock: object) -> None:
    """What `check_call` promises holds for it."""
    await check_call(dialect_of(PhoneLine(transport=wire), load_plugins()))
