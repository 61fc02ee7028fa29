"""The time and the date on this computer."""

from datetime import datetime


def add_to(bot, now=datetime.now):
    @bot.on("what time is it", "what is the time", "tell me the time")
    def time():
        moment = now()
        return f"It is {moment:%I:%M %p}.".replace(" 0", " ")

    @bot.on("what (day|date) is it [today]", "what is the date [today]", "what is today's date")
    def date():
        moment = now()
        return f"It is {moment:%A}, {moment:%B} {moment.day}, {moment.year}."
