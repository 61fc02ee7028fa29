"""Arithmetic on spoken numbers."""


def said(value):
    """The number as a person would say it, with at most four decimal places."""
    return f"{round(value, 4):g}" if abs(value) < 1e6 else f"{round(value):,}"


def add_to(bot):
    def on(words, result):
        bot.on(f"[what is|how much is|calculate] {words}", answer=result)

    on("{a:number} plus {b:number}", lambda a, b: f"{said(a + b)}.")
    on("{a:number} minus {b:number}", lambda a, b: f"{said(a - b)}.")
    on("{a:number} (times|multiplied by) {b:number}", lambda a, b: f"{said(a * b)}.")
    on("{a:number} divided by {b:number}", lambda a, b: f"{said(a / b)}." if b else "Nothing can be divided by zero.")
    on("{a:number} percent of {b:number}", lambda a, b: f"{said(a * b / 100)}.")
