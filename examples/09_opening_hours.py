"""A menu for telephone keys, with opening hours: 1 tracks a parcel, 0 reaches a person during opening hours.

    voicekit chat examples/09_opening_hours.py                    keys are typed
    voicekit serve examples/09_opening_hours.py --transport twilio --public-url https://...

The digits of a parcel number arrive as one turn. The first digit interrupts the prompt; # or a pause ends the number.
"""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import trio

import voicekit
from voicekit import Bot
from voicekit.rules import OpeningHours, Rules, Step

PERSON = "+15550100"
PARCELS = {"1234": "on its way to you", "4321": "in our office in Gent"}
HOURS = OpeningHours(
    {"mon-fri": "9-12:30, 13:30-17", "sat": "10-12"}, ZoneInfo("Europe/Brussels"), {"2026-12-25": "closed"}
)
MENU = "For the place of your parcel press one, for a person press zero."

rules = Rules()
menu = rules.menu(MENU, reprompts=["One for your parcel, zero for a person."])
number = rules.ask(
    "Your four-digit number, please.",
    "number",
    "4 digits",
    check=lambda number: None if number in PARCELS else "I know no such parcel.",
    key_timeout=6.0,
)


def now() -> datetime:
    return datetime.now(UTC)


@number.then
def place(number: str) -> Step:
    return Step(f"Your parcel is {PARCELS[number]}.", to=menu)


@menu.key("0")
def person() -> Step:
    if HOURS.is_open(now()):
        return Step("I put you through. Please hold the line.", transfer=PERSON)
    opens = HOURS.opens_at(now())
    when = f"{opens:%A} at {opens.hour}" if opens is not None else "next year"
    return Step(f"There is nobody in the office now. We open on {when}.", to=menu)


menu.key("1", answer=number)
rules.begin(menu)
bot = Bot(rules, greeting=f"Welcome to the parcel office. {MENU}")

if __name__ == "__main__":
    trio.run(voicekit.run, bot)
