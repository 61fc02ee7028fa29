"""The messages for a model: the caller's words, what the caller *heard* of replies, and tool calls. Pure.

A model that reads its own text assumes that the caller heard it. So an assistant's text here contains only what was
heard, up to the word at which it was cut, and a note before the caller's next words mentions the cut. The result of a
tool is always included: the tool ran, whether or not the caller heard about it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from voicekit.contracts import Exchange
from voicekit.llm.messages import Assistant, ModelCall, ModelMessage, ToolResult, ToolResults, User

CANCELLED = "Cancelled: the caller interrupted before there was a result."
RUNNING = "Still running."

INTERRUPTED = "[The caller interrupted you and heard your last reply only as far as it is shown.]"
UNHEARD = "[The caller interrupted you before hearing any of your last reply.]"
BROKEN = "[Your last reply broke off and was heard only as far as it is shown.]"

SILENCES: Mapping[str, str] = {
    "greeting": "[The call begins. Greet the caller.]",
    "idle": "[The caller has said nothing for a while.]",
    "silence": "[The caller interrupted without a word.]",
    "keys": "[The caller pressed no key.]",
    "machine": "[An answering machine has taken the call, and records. Leave a short message and end the call.]",
    "say": "[You spoke without having been asked.]",
    "apology": "[Something went wrong.]",
    "farewell": "[The call ends.]",
}
"""The note that replaces the words of a silent caller, by the reason of the reply."""

NOTHING_SAID = "[The caller said nothing.]"

ABOUT_NOTES = (
    "This is a spoken conversation. Lines in [square brackets] at the beginning of the caller's messages are notes "
    "about the call, not the caller's words."
)
"""Added to every system prompt, to explain the notes in the messages."""


@dataclass(slots=True)
class ModelStep:
    """Calls that the model made after `at` characters of the reply, and their results so far."""

    at: int
    calls: tuple[ModelCall, ...]
    results: dict[str, ToolResult] = field(default_factory=dict)

    def messages(self, said: str) -> list[ModelMessage]:
        """The messages for the words `said`, the calls after them, and a result for each call; a note replaces a
        missing result.
        """
        told = tuple(self.results.get(call.id) or ToolResult(call.id, CANCELLED, failed=True) for call in self.calls)
        return [Assistant(said.strip(), self.calls), ToolResults(told)]


def replied(text: str, steps: Sequence[ModelStep]) -> list[ModelMessage]:
    """The messages of a reply: the words in `text` (heard or, if the reply is not finished, written so far), calls and
    results, in order.
    """
    messages: list[ModelMessage] = []
    start = 0
    for step in steps:
        messages += step.messages(text[start : step.at])
        start = max(start, step.at)
    rest = text[start:].strip()
    return [*messages, Assistant(rest)] if rest else messages


def asked(user: str, reason: str, before: Exchange | None) -> str:
    """The caller's words for the model, preceded, if necessary, by a note about the last exchange, `before`."""
    return "\n".join((*_about(before), user.strip() or SILENCES.get(reason, NOTHING_SAID)))


def past(
    exchanges: Iterable[Exchange], steps: Mapping[int, Sequence[ModelStep]]
) -> tuple[list[ModelMessage], Exchange | None]:
    """The messages from past turns, and the last exchange.

    `steps` are the calls by turn number. A question without an audible answer is a User message at the end, or is
    joined to the caller's next words.
    """
    messages: list[ModelMessage] = []
    before: Exchange | None = None
    for exchange in exchanges:
        _add_user(messages, exchange.user, exchange.reason, before)
        messages += replied(exchange.heard, steps.get(exchange.turn, ()))
        before = exchange
    return messages, before


def conversation(
    exchanges: Iterable[Exchange],
    steps: Mapping[int, Sequence[ModelStep]],
    *,
    turn: int,
    user: str,
    reason: str,
    said: str = "",
    earlier: str = "",
) -> list[ModelMessage]:
    """Everything up to now: the past, the caller's words in `turn`, and the text and calls of its reply so far.

    `earlier` is put before everything else. Models accept the returned list (see `voicekit.llm.messages`): calls of
    this turn that are still running have a note as their result.
    """
    messages, before = past(exchanges, steps)
    _add_user(messages, user, reason, before)
    if earlier and isinstance(messages[0], User):
        messages[0] = User(f"{earlier}\n{messages[0].text}")
    now = replied(said, steps.get(turn, ()))
    if now and isinstance(now[-1], Assistant):
        now.pop()  # leaves out words after the last calls, since the model should continue from their results
    return [*messages, *now]


def _add_user(messages: list[ModelMessage], user: str, reason: str, before: Exchange | None) -> None:
    """Add the caller's words. They are joined to the previous message if that message was never answered.

    A question whose reply was cut before a word was heard is put before the caller's next words. The question must not
    appear twice, especially if calls were made for it.
    """
    last = messages[-1] if messages else None
    first = before.user if before is not None and not before.heard.strip() else ""
    rest = user[len(first) :] if first.strip() and user.startswith(first) else None
    if isinstance(last, User):
        messages[-1] = User(
            f"{last.text}{rest.rstrip()}" if rest is not None else f"{last.text}\n{asked(user, reason, before)}"
        )
    else:
        messages.append(User(asked(rest or user, reason, before)))


def _about(before: Exchange | None) -> Iterable[str]:
    """The note for the model about the reply in `before`, if it was not heard in full."""
    if before is None or (before.heard.strip() == before.said.strip() and (before.heard.strip() or not before.cut)):
        return ()
    if not before.cut:
        return (BROKEN,)
    return (INTERRUPTED,) if before.heard.strip() else (UNHEARD,)
