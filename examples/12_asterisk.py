"""A bot on your Asterisk: it greets callers, gives the opening hours, and transfers callers to an extension.

    extensions.conf     exten => 100,1,Stasis(voicekit)
    export VOICEKIT_ARI_PASSWORD=...
    voicekit serve examples/12_asterisk.py --transport ari:http://127.0.0.1:8088/voicekit,context=people

Extensions 201 and 202 in the context `people` are two telephones, in the workshop and in the office. Callers press a
key or say "workshop" or "office", and are transferred after they have heard the announcement. docs/asterisk.md shows
the rest of Asterisk's configuration. The bot also works with `voicekit chat examples/12_asterisk.py`, but can't
transfer calls there.
"""

import trio

import voicekit
from voicekit import Bot, Say, Turn

EXTENSIONS = {"workshop": "201", "office": "202"}
KEYS = {"1": "workshop", "2": "office"}
HELP = "Press one or say workshop, press two or say office. For our opening hours, say hours."


async def line(turn: Turn, say: Say) -> None:
    wanted = KEYS.get(turn.keys) or next((name for name in EXTENSIONS if name in turn.text.lower()), None)
    if wanted is not None and turn.call is not None and "transfer" in turn.call.can:
        await say(f"I am putting you through to the {wanted}.")
        turn.transfer(EXTENSIONS[wanted], sorry=f"I am sorry, the {wanted} can't be reached. {HELP}")
    elif wanted is not None:
        await say(f"The {wanted} has extension {EXTENSIONS[wanted]}.")
    elif "hours" in turn.text.lower():
        await say("We are open from nine to five, Monday to Friday.")
    elif "bye" in turn.text.lower():
        turn.end("Goodbye!")
    else:
        await say(HELP)


bot = Bot(line, greeting=f"Good day, this is the bicycle shop. {HELP}")

if __name__ == "__main__":
    trio.run(voicekit.run, bot)
