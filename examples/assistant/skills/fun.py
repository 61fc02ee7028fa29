"""Dice and coins; the jokes are in faq.toml."""

import random


def add_to(bot, chance=random):
    bot.on("(flip|toss) a coin", "heads or tails", answer=lambda: chance.choice(["Heads.", "Tails."]))

    @bot.on("(roll|throw) [a|the] (die|dice)", "(roll|throw) {count:number} dice")
    def dice(count=1):
        if count not in range(1, 7):
            return "I have six dice."
        rolled = [chance.randint(1, 6) for _ in range(count)]
        total = f", that is {sum(rolled)} in all" if count > 1 else ""
        return f"{', '.join(map(str, rolled))}{total}."
