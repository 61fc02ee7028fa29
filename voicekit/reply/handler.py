"""The handler contract: `async def handler(turn, say)` answers one turn of the caller; and what else may answer.

A handler pushes its words with `await say(...)`. That waits while the voice has enough to do, so a model stops
writing ahead of the sound; and when the caller interrupts, the handler is cancelled at that `await` like
any other stage, with nothing to clean up. What a simpler answer is (a text, a function that returns one, a generator)
is found out once, when the call is set up, so that a mistake is a ConfigError before any sound.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Generator, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Protocol, TypeAlias

import trio

from voicekit.contracts import CallEnds, HistoryView, Reply, Stash, Text, this_reply
from voicekit.errors import ConfigError, VoicekitError
from voicekit.events import CollectKeys, ExpectedAnswer
from voicekit.flow.groups import alone
from voicekit.flow.link import Inlet, Outlet
from voicekit.flow.stage import FunctionStage
from voicekit.reply.expecting import checked_answer
from voicekit.reply.phone_keys import KEYED, PHONE_KEYS, keys_at_the_end
from voicekit.reply.say import Say


class CallView(Protocol):
    """What a handler may do with the call it is in."""

    @property
    def call(self) -> CallEnds | None:
        """The connection to the caller, if source and sink are two ends of one."""
        ...

    @property
    def stash(self) -> Stash:
        """Data that handlers and plugins keep until the call ends."""
        ...

    async def say(self, text: str, *, interruptible: bool = True) -> None:
        """Queue text to be spoken at the next silence."""
        ...

    def start_soon(self, task: Callable[..., Awaitable[object]], *args: object) -> None:
        """Run `task(*args)` beside the conversation: a timer, a tool that reports late. It ends with the call."""
        ...


@dataclass(frozen=True, slots=True)
class NoCall:
    """Stands for the call where there is none: a handler tried out on its own."""

    stash: Stash = field(default_factory=Stash)
    call: CallEnds | None = None

    async def say(self, text: str, *, interruptible: bool = True) -> None:
        raise ConfigError("session.say(): this turn belongs to no call; give Turn a `session`")

    def start_soon(self, task: Callable[..., Awaitable[object]], *args: object) -> None:
        raise ConfigError("session.start_soon(): this turn belongs to no call; give Turn a `session`")


SORRY = "I'm sorry, I could not put you through."


def _nothing_to_end(farewell: str | None) -> None:
    raise ConfigError("turn.end(): this turn belongs to no call; give Turn an `end_call` to see what is asked of it")


def _no_keys(wanted: CollectKeys) -> None:
    """Nobody presses keys where there is no call."""


def _nobody_to_hand_over(to: str, sorry: str | None) -> None:
    raise ConfigError(
        "turn.transfer(): this turn belongs to no call; give Turn a `hand_over` to see what is asked of it"
    )


class CommitmentEvent(Protocol):
    """Comes when the caller's turn is over for certain: a trio.Event."""

    def is_set(self) -> bool: ...
    async def wait(self) -> None: ...


def _unheeded(answer: ExpectedAnswer) -> None:
    """There is no call whose caller could be listened to."""


@dataclass(frozen=True, slots=True)
class Turn:
    """One turn of the caller, to be answered. `text` has the caller's words.

    `reason` is why the handler is called: "speech", "typed", "dtmf" (a key), "keys" (those that `collect` asked for),
    "greeting" (the call has just begun), "idle" (a long silence), "machine" (an answering machine waits
    for a message) or another word that a Prompt carried; `text` is empty if the caller was silent.
    `previous_cut`: the caller interrupted the reply before this one; `history` shows how much of it was heard.

    `speculative`: asked ahead of time, while it is still being judged whether the caller has finished. What the handler
    emits is held back until the turn is committed, and the handler is cancelled if the words turn out to be others.
    Whatever has an effect outside of the reply (a booking, an entry in a log) belongs behind `await turn.committed()`,
    which waits for `commitment`; that is None where the turn was committed from the beginning.
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
        """Wait until the turn is committed; a checkpoint where it already is.

        Where the speculation is thrown away instead, it never returns: the handler is cancelled right here.
        """
        if self.commitment is None:
            await trio.lowlevel.checkpoint()
        else:
            await self.commitment.wait()

    def expect(self, answer: ExpectedAnswer) -> None:
        """Say what this reply asks the caller for: "number", "name", "yes_no", or the pause in seconds that ends it.

        The caller's next turn is listened to with that much patience, and no later one; of several the last counts. It
        takes effect with the reply, so call it before the handler returns; for a turn without a call it does nothing.
        Raises ConfigError for anything else.
        """
        self.listen_for(checked_answer(answer))

    @property
    def call(self) -> CallEnds | None:
        """The connection to the caller (`voicekit.call`), where there is one: to hang up, to send keys."""
        return self.session.call

    @property
    def keys(self) -> str:
        """The keys at the end of `text`, in a row, in a turn of the reasons "dtmf" and "keys"; "" in any other."""
        return keys_at_the_end(self.text) if self.reason in KEYED else ""

    def collect(
        self, most: int, *, end: str = "#", within: float = 5.0, first: float | None = None, stop: str = ""
    ) -> None:
        """Take the caller's next keys together: they come as one turn of the reason "keys". Does not wait.

        The first key cuts the reply. They are complete with `most` keys, at a key of `end`, which is dropped
        (one of `stop` is kept), or `within` seconds after the last. With `first`, a turn without keys comes if none is
        pressed within that many seconds of silence. A caller who speaks instead is answered, and the order is over.
        """
        if not (isinstance(most, int) and most > 0 and within > 0 and (first is None or first > 0)):
            raise ConfigError(
                f"turn.collect(): expected one key or more and times above 0, got {most}, {within}, {first}"
            )
        if (set(end) | set(stop)) - set(PHONE_KEYS):
            raise ConfigError(f"turn.collect(): expected keys of a telephone ({PHONE_KEYS}) in `end` and `stop`")
        self.order_keys(CollectKeys(most, end, stop, within, first))

    def transfer(self, to: str, sorry: str | None = SORRY) -> None:
        """Hand the caller over to `to` when this reply has been played to its end. Does not wait.

        A caller who interrupts the reply is not handed over. If the carrier refuses, `sorry` is spoken and the call
        goes on. ConfigError for a call that can't be transferred, and for what is no number, SIP address or route.
        """
        self.hand_over(to, sorry)

    def end(self, farewell: str | None = None) -> None:
        """End the call when this reply has been played to its end, and `farewell` after it. Does not wait."""
        self.end_call(farewell)


Handler: TypeAlias = Callable[[Turn, Say], Awaitable[str | None]]
"""Answers one turn; is cancelled when the caller interrupts. Text that it returns is spoken.

One that is an object may also have `async def warm(self, call: CallView)`: it runs beside the call from its beginning,
to connect to what the first answer will need. An error in it is a Trouble (of a strict session: ends the call).
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
"""The name of the stage that runs it."""

NOT_ASYNCIO = (
    "voicekit runs on trio, and this handler used asyncio: put @voicekit.aio.handler above it, or call the asyncio "
    "code with `await voicekit.aio.call(function, ...)`"
)
_OF_ASYNCIO = ("no running event loop", "no current event loop", "framework like asyncio")

SHAPES = """a handler is one of
    async def handler(turn, say): ...       (says what it likes with `await say(text)`),
    def handler(turn): ...                  (returns what to say, or None; may be async),
    def handler(turn): ...                  (yields what to say, piece by piece; may be async),
    a text                                  (is said to every turn)"""


def handler_stage(answer: Callable[[Turn], Handler]) -> FunctionStage[Turn, Text]:
    """The first stage of a reply: receives one Turn, asks `answer` whose turn it is, and runs that handler.

    It ends when the handler returns. The handler's exceptions pass as they are.
    """

    async def run(inbox: Inlet[Turn], outbox: Outlet[Text]) -> None:
        turn = await _one(inbox)
        if turn is None:
            return
        scope = this_reply.get(None)
        reply = scope.reply if scope is not None else Reply(turn.number, turn.text, turn.reason)  # run by hand
        say = Say(outbox, reply)
        try:
            with alone():
                async with trio.open_nursery() as nursery:
                    say.after_first = partial(nursery.start_soon, say.take_breaths)
                    handler = answer(turn)
                    if text := _text(handler, await handler(turn, say)):
                        await say(text)
                    nursery.cancel_scope.cancel()
        except (RuntimeError, TypeError) as error:
            if any(words in str(error) for words in _OF_ASYNCIO):
                raise VoicekitError(f"{NOT_ASYNCIO} ({error})") from error
            raise
        finally:
            say.end()

    return FunctionStage(run, HANDLER)


async def _one(inbox: Inlet[Turn]) -> Turn | None:
    """The turn, at once if it is there, as it mostly is; None if none comes."""
    try:
        return inbox.receive_nowait()
    except trio.WouldBlock:
        return await anext(aiter(inbox), None)
    except trio.EndOfChannel:
        return None


def as_handler(answer: Answer) -> Handler:
    """`answer` as a handler. An async generator runs in a task of its own, so that an interruption ends it cleanly.

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
    """The function that decides if `answer` is async: `__call__` of an object that has one."""
    if inspect.isroutine(answer) or isinstance(answer, functools.partial):
        return answer
    call: Callable[..., Any] = type(answer).__call__
    return call


def _takes_say(answer: Callable[..., Any]) -> bool:
    """Whether `answer` takes `(turn, say)` and not just `(turn)`; ConfigError if it takes neither."""
    try:
        signature = inspect.signature(answer)
    except ValueError:
        raise ConfigError(f"can't tell what {_name(answer)} takes;\n{SHAPES}") from None
    names = [
        name for name, it in signature.parameters.items() if it.kind in (it.POSITIONAL_ONLY, it.POSITIONAL_OR_KEYWORD)
    ]
    one, two = _fits(signature, 1), _fits(signature, 2)
    if two and (not one or names[1:2] in ([], ["say"])):
        return True
    if one:
        return False
    hint = "; if it returns the bot, call it make_bot" if _fits(signature, 0) else ""
    raise ConfigError(f"{_name(answer)}{signature} takes neither (turn, say) nor (turn){hint};\n{SHAPES}")


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
    """What `answer` has returned, as text: None is nothing."""
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
    channel = trio.as_safe_channel(answer)  # `yield` in a nursery or cancel scope is unsafe otherwise: PEP 789

    async def say_what_it_yields(turn: Turn, say: Say) -> None:
        async with channel(turn) as texts:
            async for text in texts:
                await say(text)

    return say_what_it_yields


def _name(answer: object) -> str:
    return getattr(answer, "__qualname__", None) or type(answer).__name__
