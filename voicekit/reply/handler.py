"""The handler contract: `async def handler(turn, say)` answers one turn of the caller; simpler forms are accepted too.

A handler sends its words with `await say(...)`. This waits while the voice has enough text, so a model does not write
far ahead of the voice. When the caller interrupts, the handler is cancelled at its current `await`, like any other
stage, and has nothing to clean up. The simpler forms are a string, a function that returns a string, and a generator of
strings. The form is determined when the call is set up, so a mistake raises ConfigError before anything is heard.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Generator, Iterator
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Protocol, TypeAlias

import trio

from voicekit.contracts import CallEnds, HistoryView, Reply, Stash, Text, this_reply
from voicekit.errors import ConfigError, VoicekitError
from voicekit.events import CollectKeys, ExpectedAnswer
from voicekit.flow.groups import alone
from voicekit.flow.link import Inlet, Outlet
from voicekit.flow.stage import Run
from voicekit.flow.transform import Pipeable
from voicekit.reply.expecting import checked_answer
from voicekit.reply.phone_keys import KEYED, PHONE_KEYS, keys_at_the_end
from voicekit.reply.say import Breaths, Say


class CallView(Protocol):
    """The part of a call that its handler may use."""

    @property
    def call(self) -> CallEnds | None:
        """The connection to the caller, if the source and the sink belong to one connection; otherwise None."""
        ...

    @property
    def stash(self) -> Stash:
        """Data that handlers and plugins store until the call ends."""
        ...

    async def say(self, text: str, *, interruptible: bool = True) -> None:
        """Queue text to be spoken at the next silence."""
        ...

    def start_soon(self, task: Callable[..., Awaitable[object]], *args: object) -> None:
        """Run `task(*args)`, such as a timer or a tool that reports later, alongside the conversation. The task ends
        with the call.
        """
        ...


@dataclass(frozen=True, slots=True)
class NoCall:
    """Stands in for the call when a handler is used outside of a session."""

    stash: Stash = field(default_factory=Stash)
    call: CallEnds | None = None

    async def say(self, text: str, *, interruptible: bool = True) -> None:
        raise ConfigError("session.say(): this turn does not belong to a call; pass `session` to Turn")

    def start_soon(self, task: Callable[..., Awaitable[object]], *args: object) -> None:
        raise ConfigError("session.start_soon(): this turn does not belong to a call; pass `session` to Turn")


SORRY = "I'm sorry, I could not put you through."


def _nothing_to_end(farewell: str | None) -> None:
    raise ConfigError("turn.end(): this turn does not belong to a call; in a test, pass `end_call` to Turn")


def _no_keys(wanted: CollectKeys) -> None:
    """Without a call, there are no keys to collect."""


def _nobody_to_hand_over(to: str, sorry: str | None) -> None:
    raise ConfigError("turn.transfer(): this turn does not belong to a call; in a test, pass `hand_over` to Turn")


class CommitmentEvent(Protocol):
    """The part of `trio.Event` that a handler uses; the event is set when it is certain that the caller's turn is
    over."""

    def is_set(self) -> bool: ...
    async def wait(self) -> None: ...


def _unheeded(answer: ExpectedAnswer) -> None:
    """Without a call, there is no caller whose answer could be expected."""


@dataclass(frozen=True, slots=True)
class Turn:
    """One turn of the caller, to be answered. `text` holds the caller's words.

    `reason` is why the handler is called: "speech", "typed", "dtmf" (a key), "keys" (requested with `collect`),
    "greeting" (the call has just begun), "idle" (a long silence), "machine" (an answering machine is waiting for a
    message) or another reason from a Prompt; `text` is empty if the caller was silent. If `previous_cut` is true, the
    caller interrupted the previous reply; `history` shows how much of that reply was heard.

    If `speculative` is true, the handler is called early, before it is certain that the caller has finished. Its output
    is held back until the turn is committed, and the handler is cancelled if the words change. Anything with an effect
    outside of the reply (a booking, an entry in a log) must come after `await turn.committed()`, which waits for
    `commitment`. `commitment` is None if the turn was committed from the beginning.
    """

    number: int
    text: str
    reason: str = "speech"
    history: HistoryView = ()
    previous_cut: bool = False
    session: CallView = field(default_factory=NoCall)
    end_call: Callable[[str | None], None] = field(default=_nothing_to_end, repr=False)
    order_keys: Callable[[CollectKeys], None] = field(default=_no_keys, repr=False)
    hand_over: Callable[[str, str | None], None] = field(default=_nobody_to_hand_over, repr=False)
    listen_for: Callable[[ExpectedAnswer], None] = field(default=_unheeded, repr=False, compare=False)
    speculative: bool = False
    commitment: CommitmentEvent | None = field(default=None, repr=False, compare=False)

    async def committed(self) -> None:
        """Wait until the turn is committed; if it is already committed, this is only a checkpoint.

        If the turn is discarded instead, this never returns: the handler is cancelled while it waits here.
        """
        if self.commitment is None:
            await trio.lowlevel.checkpoint()
        else:
            await self.commitment.wait()

    def expect(self, answer: ExpectedAnswer) -> None:
        """Declare what kind of answer this reply asks for: "number", "name" or "yes_no"; or how many seconds of silence
        end the answer.

        The declaration applies only to the caller's next turn and takes effect with the reply, so make it before the
        handler returns. If you make several, the last one counts. Outside of a session, `expect` does nothing. Raises
        ConfigError for any other value.
        """
        self.listen_for(checked_answer(answer))

    @property
    def call(self) -> CallEnds | None:
        """The connection to the caller (`voicekit.call`), with which you can hang up or send key tones, for example;
        None if there is no connection."""
        return self.session.call

    @property
    def keys(self) -> str:
        """The telephone keys at the end of `text`, as one string, if the turn's reason is "dtmf" or "keys"; otherwise
        ""."""
        return keys_at_the_end(self.text) if self.reason in KEYED else ""

    def collect(
        self, most: int, *, end: str = "#", within: float = 5.0, first: float | None = None, stop: str = ""
    ) -> None:
        """Collect the caller's next keys into one turn with the reason "keys". This does not wait.

        The first key cuts the reply. The collection is complete after `most` keys, at a key in `end` (which is dropped)
        or in `stop` (which is kept), or `within` seconds after the last key. If `first` is given and no key is pressed
        within that many seconds of silence, the turn has no keys. If the caller speaks instead, the collection ends,
        and the words are answered.
        """
        if not (isinstance(most, int) and most > 0 and within > 0 and (first is None or first > 0)):
            raise ConfigError(
                f"turn.collect(): expected at least one key and times above 0, got {most}, {within}, {first}"
            )
        if (set(end) | set(stop)) - set(PHONE_KEYS):
            raise ConfigError(f"turn.collect(): expected telephone keys ({PHONE_KEYS}) in `end` and `stop`")
        self.order_keys(CollectKeys(most, end, stop, within, first))

    def transfer(self, to: str, sorry: str | None = SORRY) -> None:
        """Transfer the caller to `to` after this reply has been played to its end. This does not wait.

        If the caller interrupts the reply, they are not transferred. If the carrier refuses, `sorry` is spoken and the
        call continues. Raises ConfigError if the call can't be transferred, or if `to` is not a number, SIP address or
        route.
        """
        self.hand_over(to, sorry)

    def end(self, farewell: str | None = None) -> None:
        """End the call after this reply and then `farewell` have been played to the end. This does not wait."""
        self.end_call(farewell)


Handler: TypeAlias = Callable[[Turn, Say], Awaitable[str | None]]
"""A handler answers one turn, and is cancelled when the caller interrupts. If it returns a text, that text is spoken.

A handler that is an object may also have `async def warm(self, call: CallView)`. This method runs beside the call from
its beginning, to connect to the services that the first answer will need. An error in it is reported as a Trouble; in a
strict session, the error ends the call.
"""

Answer: TypeAlias = (
    str
    | Handler
    | Callable[[Turn], str | None]
    | Callable[[Turn], Awaitable[str | None]]
    | Callable[[Turn], Iterator[str]]
    | Callable[[Turn], AsyncIterator[str]]
)

HANDLER = "handler"
"""The name of the stage that runs the handler."""

NOT_ASYNCIO = (
    "voicekit runs on trio, and this handler used asyncio: put @voicekit.aio.handler above it, or call the asyncio "
    "code with `await voicekit.aio.call(function, ...)`"
)
_OF_ASYNCIO = ("no running event loop", "no current event loop", "framework like asyncio")

SHAPES = """a handler is one of
    async def handler(turn, say): ...       (speaks with `await say(text)`),
    def handler(turn): ...                  (returns the answer, or None; may be async),
    def handler(turn): ...                  (yields the answer piece by piece; may be async),
    text                                    (the answer to every turn)"""


class HandlerStage(Pipeable):
    """The first stage of a reply: it receives one Turn, calls `answer` to get the turn's handler, and runs the handler.

    The stage ends when the handler returns. The handler's exceptions are passed on unchanged.
    """

    accepts = produces = None

    def __init__(self, answer: Callable[[Turn], Handler], name: str = HANDLER) -> None:
        self.name = name
        self._answer = answer

    @asynccontextmanager
    async def open(self) -> AsyncIterator[Run[Turn, Text]]:
        breaths = Breaths()
        with alone():
            async with trio.open_nursery() as nursery:
                nursery.start_soon(breaths.run)
                yield partial(self._run, breaths)
                nursery.cancel_scope.cancel()

    async def _run(self, breaths: Breaths, inbox: Inlet[Turn], outbox: Outlet[Text]) -> None:
        turn = await _one(inbox)
        if turn is None:
            return
        # a reply that was cut before it began must not call the handler: the next reply may have called it already
        await trio.lowlevel.checkpoint_if_cancelled()
        scope = this_reply.get(None)
        # there is no scope if the stage is run directly, outside of a call
        reply = scope.reply if scope is not None else Reply(turn.number, turn.text, turn.reason)
        say = Say(outbox, reply, breaths)
        try:
            with alone():
                handler = self._answer(turn)
                if text := _text(handler, await handler(turn, say)):
                    await say(text)
                say.check()
        except (RuntimeError, TypeError) as error:
            if any(words in str(error) for words in _OF_ASYNCIO):
                raise VoicekitError(f"{NOT_ASYNCIO} ({error})") from error
            raise
        finally:
            say.end()


async def _one(inbox: Inlet[Turn]) -> Turn | None:
    """The turn, usually without waiting; None if no turn comes."""
    try:
        return inbox.receive_nowait()
    except trio.WouldBlock:
        return await anext(aiter(inbox), None)
    except trio.EndOfChannel:
        return None


def as_handler(answer: Answer) -> Handler:
    """Return `answer` as a handler. An async generator runs in a separate task, so that an interruption ends it
    cleanly.

    Plain functions and generators are called on the event loop: they must not block. Raises ConfigError for anything
    that is not one of SHAPES.
    """
    if isinstance(answer, str):
        return _saying(answer)
    if isinstance(answer, type) or not callable(answer):
        hint = f"; give an instance: {answer.__name__}()" if isinstance(answer, type) else ""
        raise ConfigError(f"expected a handler, got {answer!r} of type {type(answer).__name__}{hint};\n{SHAPES}")
    asked: Callable[..., Any] = answer
    takes_say = _takes_say(asked)
    function = _function(asked)
    if inspect.iscoroutinefunction(function):
        return asked if takes_say else _from_function(asked)
    if takes_say:
        raise ConfigError(f"{_name(asked)}(turn, say) must be `async def` and must not yield;\n{SHAPES}")
    if inspect.isasyncgenfunction(function):
        return _from_async_generator(asked)
    return _from_generator(asked) if inspect.isgeneratorfunction(function) else _from_function(asked)


def _function(answer: Callable[..., Any]) -> Callable[..., Any]:
    """The function that shows whether `answer` is async: an object's `__call__`, if it has one."""
    if inspect.isroutine(answer) or isinstance(answer, functools.partial):
        return answer
    call: Callable[..., Any] = type(answer).__call__
    return call


def _takes_say(answer: Callable[..., Any]) -> bool:
    """Whether `answer` takes `(turn, say)`, and not only `(turn)`. Raises ConfigError if it takes neither."""
    try:
        signature = inspect.signature(answer)
    except ValueError:
        raise ConfigError(f"can't find out which arguments {_name(answer)} takes;\n{SHAPES}") from None
    names = [
        name for name, it in signature.parameters.items() if it.kind in (it.POSITIONAL_ONLY, it.POSITIONAL_OR_KEYWORD)
    ]
    one, two = _fits(signature, 1), _fits(signature, 2)
    if two and (not one or names[1:2] in ([], ["say"])):
        return True
    if one:
        return False
    hint = "; if it returns the bot, call it make_bot" if _fits(signature, 0) else ""
    raise ConfigError(f"{_name(answer)}{signature}: expected the parameters (turn, say) or (turn){hint};\n{SHAPES}")


def _fits(signature: inspect.Signature, count: int) -> bool:
    try:
        signature.bind(*range(count))
    except TypeError:
        return False
    return True


def _saying(text: str) -> Handler:
    async def say_it(turn: Turn, say: Say) -> None:
        await say(text)

    return say_it


def _from_function(answer: Callable[[Turn], Any]) -> Handler:
    async def say_what_it_returns(turn: Turn, say: Say) -> None:
        text = answer(turn)
        if inspect.isawaitable(text):
            text = await text
        await say(_text(answer, text))

    return say_what_it_returns


def _text(answer: object, returned: object) -> str:
    """The return value of `answer` as text; None becomes ""."""
    if returned is not None and not isinstance(returned, str):
        raise TypeError(
            f"{_name(answer)} returned {returned!r:.80} ({type(returned).__name__}); expected text (str) or None"
        )
    return returned or ""


def _from_generator(answer: Callable[[Turn], Generator[str, None, None]]) -> Handler:
    async def say_what_it_yields(turn: Turn, say: Say) -> None:
        with closing(answer(turn)) as texts:
            for text in texts:
                await say(text)

    return say_what_it_yields


def _from_async_generator(answer: Callable[[Turn], AsyncGenerator[str, None]]) -> Handler:
    # without this, `yield` inside a nursery or cancel scope would be unsafe (PEP 789)
    channel = trio.as_safe_channel(answer)

    async def say_what_it_yields(turn: Turn, say: Say) -> None:
        async with channel(turn) as texts:
            async for text in texts:
                await say(text)

    return say_what_it_yields


def _name(answer: object) -> str:
    return getattr(answer, "__qualname__", None) or type(answer).__name__
