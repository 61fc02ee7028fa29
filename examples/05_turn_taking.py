"""Who speaks next? Three scenes in virtual time: a pause inside a turn, an "mhm" that does not interrupt, and a "stop".

The policy waits for 1.6 seconds of silence before it ends a turn, because a person who reads a number aloud takes a
breath between its parts. Such a policy also delays every answer, so use it only while you ask for numbers.
"""

from voicekit import Policy, TurnPolicy
from voicekit.rules import Rules, Step
from voicekit.testing import Script, hold_call

POLICY = Policy(turn=TurnPolicy(endpointing="vad", settle=1.6))

bot = Rules()
bot.on("my number is {number:digits}", answer="Thank you. I have {number}.")
bot.on("what do you have", answer="We have black tea, green tea, white tea, and a tea that has no name as yet.")
bot.on("stop", answer=Step("All right."))


def number_with_a_pause() -> Script:
    user = Script()
    user.says("my number is", at=1.0, for_=0.9)
    user.says("five five one two", at=3.2, for_=1.4)
    return user


def interrupted_by(words: str) -> Script:
    user = Script()
    user.says("what do you have", at=1.0, for_=0.8)
    user.says(words, at=5.0, for_=0.4)
    user.stays(until=12.0)
    return user


SCENES = {
    "A pause within a number": number_with_a_pause(),
    "An mhm while the bot speaks": interrupted_by("mhm"),
    "A stop while the bot speaks": interrupted_by("stop"),
}


def main() -> None:
    for title, user in SCENES.items():
        print(f"{title}\n{hold_call(bot, user, policy=POLICY).timeline}")


if __name__ == "__main__":
    main()
