"""A phone line on Twilio: callers are told that the call is being recorded, ask a question, and get an answer.

Set TWILIO_AUTH_TOKEN. If SONIOX_API_KEY is not set, a local server does the speech recognition and synthesis. Make the
program reachable from outside (docs/carriers/twilio.md shows how), enter https://.../twilio/voice as the webhook of
your number, and run

    PUBLIC_URL=https://... python examples/08_phone_line.py

`voicekit serve examples/08_phone_line.py --transport twilio --public-url ...` does the same.
"""

import os
from functools import partial
from pathlib import Path

import trio

from voicekit import Bot, CallPolicy, Policy, load_plugins
from voicekit.rules import Rules, Step

CONSENT = "This is the tea house. We record calls to learn from them; if you mind, press nine. What can I do for you?"
"""The greeting. It cannot be interrupted: if the caller speaks or presses a key meanwhile, the bot answers after it."""

CALLS = Path("calls")

rules = Rules()
rules.on("(when|what time) do you open", "are you open", answer="From nine to five, Monday to Friday.")
rules.on("where are you", answer="At seven Harbour Street, next to the lighthouse.")
rules.on("bye", "goodbye", "thank you", answer=Step("Thank you for calling. Goodbye!", end=True))
rules.key("9", answer=Step("Then please write to us, and we delete this recording. Goodbye!", end=True))
rules.otherwise("I know when we open, and where we are.")

policy = Policy(
    call=CallPolicy(
        greeting=CONSENT,
        greeting_interruptible=False,
        idle_after=10.0,
        idle_prompt="Are you still there?",
        idle_limit=2,
        max_duration=600.0,
        warning="I have half a minute left for you.",
    )
)
bot = Bot(rules, policy=policy)


async def main() -> None:
    from voicekit_phone.transports import Twilio
    from voicekit_serve.bots import answering
    from voicekit_serve.server import serve

    async with answering(bot, load_plugins(), partial(print, flush=True), record=CALLS) as answer:
        await serve(answer, Twilio(), public_url=os.environ["PUBLIC_URL"], max_calls=10)


if __name__ == "__main__":
    CALLS.mkdir(mode=0o700, exist_ok=True)
    trio.run(main)
