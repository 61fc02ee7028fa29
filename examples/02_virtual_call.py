"""A call in virtual time, in which the user interrupts the bot. The output shows what the user heard of each reply."""

from voicekit import Say, Turn
from voicekit.testing import Script, hold_call


async def handler(turn: Turn, say: Say) -> None:
    await say(f"I heard: {turn.text}. Is there anything else that I can do for you?")


def main() -> None:
    user = Script()
    user.says("good morning", at=1.0, for_=1.0)
    user.says("stop please", at=6.0, for_=0.8)
    call = hold_call(handler, user)
    for exchange in call.history:
        print(f"user: {exchange.user}")
        print(f" bot: {exchange.heard}{' ...' if exchange.cut else ''}")


if __name__ == "__main__":
    main()
