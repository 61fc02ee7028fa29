"""Notes that outlast the program: each is one line of a text file."""


def add_to(bot, path):
    def lines():
        return path.read_text(encoding="utf-8").splitlines() if path.exists() else []

    @bot.on("(take|make|write) a note [that] {what}", "note [that] {what}", "write down [that] {what}")
    def take(what):
        with path.open("a", encoding="utf-8") as file:
            file.write(f"{what}\n")
        return "Noted."

    @bot.on("read [me] my notes", "what are my notes", "do I have [any] notes")
    def read():
        notes = lines()
        return f"You have {len(notes)}: {'; '.join(notes)}." if notes else "You have no notes."

    @bot.on("(delete|forget) [all] my notes")
    def delete():
        path.unlink(missing_ok=True)
        return "They are gone."
