"""Sends a handler's words in order, in pieces, with backpressure; sends an empty Text when the handler pauses."""

from __future__ import annotations

import unicodedata
from collections.abc import Coroutine, Iterator
from contextlib import suppress
from contextvars import copy_context
from inspect import CORO_CREATED, getcoroutinestate
from math import inf
from typing import Any

import trio

from voicekit.contracts import Reply, Text, tell
from voicekit.errors import VoicekitError
from voicekit.events import Trouble
from voicekit.flow.link import Outlet
from voicekit.reply.text import NOTHING
from voicekit.writing import ends_sentence, is_unspaced, letters, sentence_mark, whole_clusters

PIECE = 120
"""The maximum number of characters handed over in one piece, so that a link of 400 characters holds a long reply back
piece by piece.
"""

BREATH_AFTER_SENTENCE = 0.15
"""After the end of a sentence, this many seconds without a word make the text transforms release the text that they
hold back. A model's words come 10 to 50 ms apart, so after this time it is thinking, or waiting for a tool.
"""

BREATH = 0.5
"""The same in the middle of a sentence, or after "3.": longer, so that a slow model can finish its word or number."""

MOST_ASKED = 100
"""How many calls to `say` are remembered until they are awaited, to report those that never are."""


class Breaths:
    """Watches all replies of a call for pauses, and sends an empty Text for a handler that has paused, so that stages
    release the text that they hold back.

    One task does this for all replies, because a task for each reply would delay the reply's first word.
    """

    def __init__(self) -> None:
        self._sayers: list[Say] = []
        self._alarm = trio.CancelScope()

    async def run(self) -> None:
        """Send breaths until cancelled."""
        while True:
            due = min((say.breath_at for say in self._sayers), default=inf)
            with trio.CancelScope(deadline=due) as self._alarm:
                await trio.sleep_forever()
            for say in tuple(self._sayers):
                say.breathe()

    def watch(self, say: Say) -> None:
        """Send a breath at `say.breath_at`, whenever that time comes."""
        if say not in self._sayers:
            self._sayers.append(say)
        if say.breath_at < self._alarm.deadline:  # a later deadline is set only once the earlier one has passed
            self._alarm.deadline = say.breath_at

    def forget(self, say: Say) -> None:
        with suppress(ValueError):
            self._sayers.remove(say)


class Say:
    """`await say(text)` hands `text` to the voice; text may come word by word, including white space.

    The texts from several calls are joined unchanged, with one exception: between two texts that look like sentences
    ("One moment." "Here it is.") a space is added. Empty text is only a checkpoint.

    `say` waits while the link to the voice is full. If several tasks call it, they take turns, so their texts are never
    mixed. Long text is sent in pieces of at most 120 characters, and each piece is added to `Reply.said` the moment it
    is handed over. So even if `say` is cancelled, `said` contains all text that the voice has received. Raises
    TypeError if `text` is not a str, and the error of a text transform that failed during a pause.
    """

    __slots__ = (
        "_asked",
        "_breaths",
        "_chunk",
        "_context",
        "_failure",
        "_outlet",
        "_over",
        "_reply",
        "_room",
        "_spoke_at",
        "_turns",
        "breath_at",
    )

    def __init__(self, outlet: Outlet[Text], reply: Reply, breaths: Breaths | None = None) -> None:
        self.breath_at = inf  # the time of the next breath
        self._outlet = outlet
        self._reply = reply
        self._breaths = breaths or Breaths()
        self._room = outlet.capacity
        self._spoke_at = -inf
        self._turns = trio.Lock()
        self._chunk = ""  # the last characters of the handler's latest text
        self._context = copy_context()  # the reply's, for transforms that a breath runs
        self._failure: Exception | None = None  # the error of a transform during a breath
        self._over = False
        self._asked: list[Coroutine[Any, Any, None]] = []  # calls to `say` that may never be awaited

    def __call__(self, text: str) -> Coroutine[Any, Any, None]:
        saying = self._say(text)
        self._asked = [asked for asked in self._asked if not _has_begun(asked)]
        if len(self._asked) < MOST_ASKED:
            self._asked.append(saying)
        return saying

    def end(self) -> None:
        """End the turn: warn about each `say(...)` that was never awaited, and about each later call."""
        self._over = True
        self._breaths.forget(self)
        forgotten = [asked for asked in self._asked if not _has_begun(asked)]
        self._asked = []
        for asked in forgotten:
            asked.close()  # otherwise Python too would warn that this call was never awaited
        if forgotten:
            tell.get()(Trouble("handler", VoicekitError("say(...) was called without await: write `await say(text)`")))

    async def _say(self, text: str) -> None:
        if self._over:
            await trio.lowlevel.checkpoint()
            why = f"say({text!r:.40}) came when its turn was over; to speak later, keep turn.session and call its say()"
            return tell.get()(Trouble("handler", VoicekitError(why)))
        if not isinstance(text, str):
            raise TypeError(f"say() takes text (str), got {type(text).__name__}: {text!r:.80}")
        if not text:
            await trio.lowlevel.checkpoint()
            return None
        await self._take_turn()
        try:
            self.check()
            if _belong_apart(self._chunk, text):
                text = " " + text
            self._chunk = text[-PIECE:]
            for piece in pieces(text):
                await self._hand_over(piece)
        finally:
            self._spoke_at = trio.current_time()
            self.breath_at = self._spoke_at + BREATH_AFTER_SENTENCE
            self._breaths.watch(self)
            self._turns.release()

    def breathe(self) -> None:
        """Send an empty Text if the handler has paused for long enough. This never waits."""
        now = trio.current_time()
        if now < self.breath_at:
            return
        if self._turns.locked():  # the call that has the lock will set the next time
            self.breath_at = inf
            return
        self.breath_at = self._spoke_at + breath_after(self._reply.said[-PIECE:])
        if now < self.breath_at:
            return
        self.breath_at = inf
        try:
            self._context.run(self._outlet.offer, NOTHING)
        except trio.WouldBlock:
            self.breath_at = now + BREATH_AFTER_SENTENCE
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            self._breaths.forget(self)  # the reply is ending
        except Exception as error:  # whatever a transform raises belongs to the reply, and is raised there
            self._failure = error

    def check(self) -> None:
        """Raise the error of a text transform that failed during a breath."""
        if self._failure is not None:
            raise self._failure

    async def _take_turn(self) -> None:
        """Take the lock, without a checkpoint if it is free: handing text over is a checkpoint already."""
        try:
            self._turns.acquire_nowait()
        except trio.WouldBlock:
            await self._turns.acquire()

    async def _hand_over(self, piece: str) -> None:
        """Wait for room, and then send without waiting, so that it is always clear whether the piece was sent."""
        below = max(1, self._room - len(piece) + 1)
        if not self._outlet.is_below(below):
            await self._outlet.until_below(below)
        await trio.lowlevel.checkpoint_if_cancelled()
        text = Text.raw(piece, len(self._reply.said))
        if self._reply.first_word is None:
            self._reply.first_word = trio.current_time()
        self._reply.said += piece
        await self._outlet.send(text)


def _has_begun(asked: Coroutine[Any, Any, None]) -> bool:
    return getcoroutinestate(asked) != CORO_CREATED


def pieces(text: str, most: int = PIECE) -> Iterator[str]:
    """`text` in pieces of at most `most` characters, cut after white space if possible, and never inside a grapheme
    cluster.
    """
    start = 0
    while len(text) - start > most:
        end = max(text.rfind(" ", start, start + most), text.rfind("\n", start, start + most)) + 1
        end = end or start + whole_clusters(text[start : start + most + 1], most)
        yield text[start:end]
        start = end
    yield text[start:]


def breath_after(said: str) -> float:
    """How many seconds to wait for more text after `said` before sending the empty Text that signals a pause."""
    return BREATH_AFTER_SENTENCE if ends_sentence(said) else BREATH


def has_ended(said: str) -> bool:
    """Whether the last word of `said` is followed by a mark that ends a sentence, in any script."""
    last = said[-PIECE:].rstrip()
    return sentence_mark(last) < len(last)


def set_apart(said: str, text: str) -> str:
    """`text` as a separate sentence after `said`: with a full stop and a space before it, if they are missing.

    This is for words that do not continue `said`, such as an apology after an answer that was cut off.

    >>> set_apart("The gate is number four", "I'm sorry."), set_apart("One moment. ", "Here it is.")
    (". I'm sorry.", 'Here it is.')
    """
    if not said.strip():
        return text
    word_before = unicodedata.category(said[-1])[0] in "LMN" or said[-1] in "\"'”’)]*_%"  # noqa: RUF001
    stop = "" if has_ended(said) else "." if word_before else "…"
    return f"{stop}{'' if not stop and said[-1].isspace() else ' '}{text.lstrip()}"


def _belong_apart(before: str, after: str) -> bool:
    """Whether two chunks look like separate sentences, with a space missing between them, and not like a model's
    tokens."""
    first = after[0]
    if not first.isalpha() or first.islower() or is_unspaced(first):
        return False
    head = before[: sentence_mark(before)]
    if head == before or is_unspaced(before[len(head)]):
        return False
    word = letters(head[-2:])
    return len(head.split(maxsplit=1)) > 1 or (len(word) == 2 and not any(map(str.isdigit, word)))
