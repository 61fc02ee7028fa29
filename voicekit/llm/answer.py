"""One answer from a model, read from the bytes of its stream: the words, to be spoken immediately, and what is known
when the answer ends. Pure.

This code is the same for all vendors' protocols: events that can't be read are skipped, thoughts are removed, tool
calls are put together, and there is a limit on everything that a model could make too long. After the Stop an answer is
complete, and nothing that follows counts as an error.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from voicekit.errors import ProtocolError
from voicekit.llm.calls import ModelCalls
from voicekit.llm.messages import CallPiece, Delta, Done, ModelFault, ModelPiece, ModelRefusal, ModelUsage, Stop, Why
from voicekit.llm.model import Model
from voicekit.llm.sse import EventReader
from voicekit.llm.thoughts import ThoughtFilter
from voicekit.reply.say import has_ended
from voicekit.reply.tags import is_audible

MOST_TEXT = 64 * 1024
"""The maximum number of characters of one answer: an hour of speech. A model that writes more is going round in
circles.
"""

MOST_JUDGED = 2_000
"""Characters at the beginning of an answer that must contain something audible."""


class ModelAnswer:
    """The part of an answer that has arrived so far. `stop` is None until the model has stopped.

    `fault` is the error that the service reported instead of the rest of the answer. `over` means that the rest of the
    stream need not be read, and `refused` that the model has refused in words. `unread` is the reason why the last
    unreadable event could not be read.
    """

    def __init__(self, model: Model) -> None:
        self._parse = model.parse
        self._events = EventReader()
        self._thoughts = ThoughtFilter()
        self._written = ""  # the text of all events, including thoughts
        self._deltas = False
        self._said = ""  # the first characters of the spoken text
        self._tail = ""  # the last characters of the spoken text
        self.calls = ModelCalls()
        self.usage = ModelUsage()
        self.stop: Why | None = None
        self.fault: ModelFault | None = None
        self.refused = False
        self.over = False
        self.unread = ""

    def feed(self, received: bytes) -> Iterator[str]:
        """The words in `received`, in pieces that are never empty."""
        for event in self._events.feed(received):
            try:
                pieces = list(self._parse(event))
            except (msgspec.DecodeError, ProtocolError, RecursionError) as error:
                self.unread = str(error)
                continue
            for piece in pieces:
                if not self.over and (words := self._taken(piece)):
                    yield words

    def end(self) -> Iterator[str]:
        """The words that were still held back. Call this when the stream has ended normally.

        A stream without a Stop counts as stopped if it ends after a whole sentence or complete tool calls.
        """
        yield from self.feed(b"\n\n")  # completes an event without a closing blank line
        if words := self._spoken(self._thoughts.finish()):
            yield words
        if self.stop is None and (self.over or has_ended(self._tail) or self.calls.are_whole()):
            self.stop = "calls" if self.calls else "end"

    @property
    def audible(self) -> bool:
        """Whether the answer contains anything that can be heard."""
        return is_audible(self._said)

    def _taken(self, piece: ModelPiece) -> str:
        match piece:
            case Delta(text, final) | ModelRefusal(text, final):
                words = self._words(text, final)
                self.refused = self.refused or (isinstance(piece, ModelRefusal) and bool(words.strip()))
                return words
            case CallPiece():
                self.calls.add(piece)
                self.over = self.calls.full
            case ModelUsage(given, written):
                before = self.usage
                self.usage = ModelUsage(
                    before.input if given is None else given, before.output if written is None else written
                )
            case Stop(why):
                self.stop = why
            case ModelFault() if self.stop is None:
                self.fault, self.over = piece, True
            case Done():
                self.over = True
        return ""

    def _words(self, text: str, final: bool) -> str:
        """The part of `text` to speak now; for a final event, the part that the earlier events left out."""
        if final and text.startswith(self._written):
            text = text[len(self._written) :]
        elif final and (self._deltas or text in self._written):
            return ""
        self._deltas = self._deltas or (bool(text) and not final)
        self._written += text
        if len(self._written) > MOST_TEXT:
            self.stop, self.over = "length", True
        return self._spoken(self._thoughts.feed(text))

    def _spoken(self, words: str) -> str:
        self._said = (self._said + words)[:MOST_JUDGED] if len(self._said) < MOST_JUDGED else self._said
        self._tail = (self._tail + words)[-100:]
        return words
