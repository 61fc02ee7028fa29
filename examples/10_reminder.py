"""An outgoing reminder: the bot calls, says why, and asks for a yes or no. On an answering machine it leaves a message.

Set TWILIO_ACCOUNT_SID, TWILIO_AUTH_TOKEN, TWILIO_NUMBER and PUBLIC_URL (docs/carriers/twilio.md), and run

    python examples/10_reminder.py +15550001

`voicekit call +15550001 --bot examples/10_reminder.py --transport twilio --detect-machine` does the same.
"""

import os
import sys

import trio

from voicekit import Bot, CallPolicy, Policy, Say, Turn, load_plugins

TIME = "tomorrow at ten"
GREETING = (
    f"Hello, this is the dentist's. You have an appointment {TIME}. Will you come? Press one for yes, two for no."
)
NO, YES = ("no", "not", "can't", "cannot", "two"), ("yes", "yeah", "sure", "will", "one")


async def reminder(turn: Turn, say: Say) -> None:
    said = {turn.keys} if turn.keys else set(turn.text.lower().replace(".", " ").replace(",", " ").split())
    if turn.reason == "machine":
        await say(f"This is the dentist's. You have an appointment {TIME}. If you can't come, please call us back.")
        turn.end()
    elif said & {"2", *NO}:
        await say("What a pity. We will call you about another day.")
        turn.end("Goodbye!")
    elif said & {"1", *YES}:
        await say("Good, then we see you.")
        turn.end("Goodbye!")
    else:
        await say("Please say yes, or no.")


policy = Policy(call=CallPolicy(greeting=GREETING, idle_after=6.0, idle_limit=2, max_duration=120.0))
bot = Bot(reminder, policy=policy)


async def main(number: str) -> None:
    from voicekit_phone.transports import Twilio
    from voicekit_serve.bots import answering
    from voicekit_serve.calling import call_out

    async with answering(bot, load_plugins(), print) as answer:
        end = await call_out(
            answer, Twilio(), number, public_url=os.environ["PUBLIC_URL"], dialing={"detect_machine": True}
        )
    print(f"The call ended: {end.reason}.")


if __name__ == "__main__":
    trio.run(main, sys.argv[1])
