"""A model that answers callers, and transfers them on request. It knows the departments' names, but not their numbers.

    voicekit serve examples/11_transfer.py --transport twilio --public-url https://...

With TWILIO_ACCOUNT_SID set, the carrier can transfer a call. The transfer starts after the caller has heard the
announcement; a caller who interrupts the announcement is not transferred. If the carrier refuses the transfer, the
caller hears an apology, and the conversation continues.
"""

from typing import Any

import trio

import voicekit
from voicekit import Bot
from voicekit.llm import LanguageModel, end_call, transfer_call
from voicekit_openai.models import openai

PEOPLE = {"sales": "+15550101", "repairs": "+15550102", "front desk": "sip:desk@bicycles.example"}
SYSTEM = """You answer the telephone of a bicycle shop. Be brief: one or two short sentences.
If the caller wants a person, say that you put them through, and call transfer_call with the one who fits best.
When the caller says goodbye, say goodbye and call end_call."""


def shop(**options: Any) -> LanguageModel:
    return openai(model="gpt-4.1-mini", system=SYSTEM, tools=[transfer_call(PEOPLE), end_call], **options)


bot = Bot(shop(), greeting="The bicycle shop, good morning. What can I do for you?")

if __name__ == "__main__":
    trio.run(voicekit.run, bot)
