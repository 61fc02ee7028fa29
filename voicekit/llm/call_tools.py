"""Built-in tools for the call itself: end it, transfer the caller, send digits, collect digits from the caller.

    LanguageModel(model, tools=[end_call, collect_keys, send_digits, transfer_call({"sales": "+15550001"})])

Actions that can't be undone happen after the reply has been heard: a model says goodbye and then calls the tool. A
model never chooses a telephone number: it gets names, and any other name is rejected.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from voicekit.errors import ConfigError
from voicekit.llm.tools import Tool, tool
from voicekit.reply.handler import SORRY, Turn


@tool(on_barge_in="finish")
def end_call(turn: Turn) -> str:
    """End the call, once the caller has heard what you said. Say goodbye before you call this."""
    turn.end()
    return "The call ends when your words have been heard. Say nothing more."


@tool(on_barge_in="finish")
async def send_digits(digits: str, turn: Turn) -> str:
    """Press keys on the telephone, for a menu at the other end.

    digits: 0-9, * and #; w is a short pause
    """
    if turn.call is None or "digits" not in turn.call.can:
        return "This call has no way to press keys."
    await turn.call.send_digits(digits)
    return "The keys were pressed."


@tool
def collect_keys(most: int, turn: Turn) -> str:
    """Have the caller enter digits on the telephone's keys. They arrive as the caller's next message.

    most: the maximum number of digits; the caller may end earlier with #
    """
    if not 0 < most <= 40:
        return "Between 1 and 40 digits can be collected."
    turn.collect(most, first=15.0)
    return "The keys that come next are taken together. Ask the caller for them now."


def transfer_call(destinations: Mapping[str, str], *, sorry: str | None = SORRY) -> Tool:
    """A tool that transfers the caller to one of `destinations`, which maps the names that the model sees to numbers or
    addresses.

    The caller is transferred after hearing the reply, unless they interrupt it. If the carrier refuses, `sorry` is
    spoken and the call continues. Raises ConfigError if there is no destination.
    """
    if not destinations:
        raise ConfigError("transfer_call: expected destinations, such as {'sales': '+15550001'}, got none")

    def transfer(to: str, turn: Turn) -> str:
        if turn.call is None or "transfer" not in turn.call.can:
            return "This call can't be transferred."
        turn.transfer(destinations[to], sorry)
        return "The caller is handed over when your words have been heard. Say that you put them through, and no more."

    transfer.__annotations__["to"] = Literal[tuple(destinations)]
    transfer.__doc__ = "Hand the caller over to a person or department, once they have heard what you said."
    return tool(name="transfer_call", on_barge_in="finish")(transfer)
