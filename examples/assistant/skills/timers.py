"""Timers and reminders: the bot speaks when one is due, if the call has not ended."""

import trio


class Timers(dict):
    """The timers of one call: for each scope that cancels a timer, the time when the timer is due, and its purpose."""


def spoken(seconds):
    size, unit = next(pair for pair in ((3600, "hour"), (60, "minute"), (1, "second")) if seconds % pair[0] == 0)
    return f"{seconds // size:g} {unit}{'s' * (seconds != size)}"


async def ring(session, what, seconds):
    session.stash[Timers] = timers = session.stash.get(Timers) or Timers()
    with trio.CancelScope() as scope:
        timers[scope] = (trio.current_time() + seconds, what)
        await trio.sleep(seconds)
        await session.say(f"It is time: {what}.")
    del timers[scope]


def add_to(bot):
    @bot.on(
        "(set|start) a timer for {length:duration}",
        "remind me in {length:duration} to {what}",
        "remind me to {what} in {length:duration}",
    )
    def timer(length, turn, what="your timer"):
        seconds = round(length.total_seconds())
        turn.session.start_soon(ring, turn.session, what, seconds)
        return f"All right: {what}, in {spoken(seconds)}."

    @bot.on("[which|what] timers (are running|do I have)", "how long is left")
    def running(turn):
        timers = (turn.session.stash.get(Timers) or {}).values()
        left = [f"{what}, in {spoken(round(due - trio.current_time()))}" for due, what in timers]
        return f"There is {'; '.join(left)}." if left else "There are none."

    @bot.on("(cancel|stop) [all] [my|the] (timer|timers|reminder|reminders)")
    def cancel(turn):
        for scope in turn.session.stash.get(Timers) or ():
            scope.cancel()
        return "Cancelled."
