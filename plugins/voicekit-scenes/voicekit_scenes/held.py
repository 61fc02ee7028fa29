"""Runs a scene in virtual time, and returns all that the score needs: both tracks, the questions and the history."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import chain, repeat
from typing import TYPE_CHECKING, Any

from voicekit import Policy
from voicekit.contracts import Exchange
from voicekit.events import Decided, SessionEvent, TurnCommitted, Word
from voicekit.events import Final as FinalWords
from voicekit.reply.handler import Turn
from voicekit.session.bot import Bot
from voicekit.testing.harness import hold_call
from voicekit.testing.scripted import Script
from voicekit_scenes.noises import RATE
from voicekit_scenes.replay import MESSAGES
from voicekit_scenes.room import Microphone, Placed, RecordedStt, Room
from voicekit_scenes.scene import Scene, answers
from voicekit_scenes.voice import RecordedTts, Utterance

if TYPE_CHECKING:
    from voicekit_scenes.live import Engines
    from voicekit_scenes.noises import Samples


@dataclass(frozen=True)
class Recording:
    """The facts about a scene after the call. Both tracks have the same length; their samples are between -1 and 1,
    and their sample rate is RATE.
    """

    scene: Scene
    caller: Samples
    bot: Samples
    placed: tuple[Placed, ...]
    said: tuple[Utterance, ...]
    """The voice's utterance in each reply; its `since` is in seconds of the tracks."""
    asked: tuple[str, ...] = ()
    """The text of each question that the handler was asked; "" if it was asked because of a silence."""
    history: tuple[Exchange, ...] = ()
    final_words: tuple[Word, ...] = ()
    """The recogniser's final words; their times are in samples of the caller's track."""
    decided: tuple[str, ...] = ()
    """The turn machine's decisions, with their times."""


def scripted_bot(scene: Scene) -> Bot:
    """The bot of a scene: it answers each question with the next of the scene's answers, whatever the question is."""
    texts: Iterator[str] = chain((answers()[name] for name in scene.answers), repeat(answers()[scene.answers[-1]]))

    async def answer(turn: Turn, say: Callable[[str], Any]) -> None:
        await say(next(texts))

    greeting = None if scene.greeting is None else answers()[scene.greeting]
    return Bot(answer, greeting=greeting)


def hold(
    scene: Scene,
    bot: Bot | None = None,
    *,
    vad: str = "webrtc",
    policy: Policy | None = None,
    engines: Engines | None = None,
    messages: str = MESSAGES,
    plugins: Any = None,
) -> Recording:
    """Run `scene` with `bot`, or with the scene's scripted bot if `bot` is None.

    `messages` is the file with the recogniser's recorded messages. With `engines`, a real recogniser hears the caller.
    """
    voice = RecordedTts()
    room = Room(scene, voice, replays=engines is None, messages=messages)
    chosen = scripted_bot(scene) if bot is None else bot
    if policy is not None:
        chosen = replace(chosen, policy=_with_greeting(policy, chosen))
    texts = chosen.tts[:-1] if isinstance(chosen.tts, list | tuple) else ()
    stt: Any = RecordedStt(room)
    if engines is not None:
        from voicekit_scenes.live import LiveStt

        stt = LiveStt(engines)
    log: list[tuple[float, SessionEvent]] = []
    parts: Mapping[str, Any] = {"source": Microphone(room), "vad": vad, "stt": stt, "tts": [*texts, voice]}
    call = hold_call(chosen, Script(), sink=room.sink, strict=False, plugins=plugins, **parts)
    log = call.events
    ends = [piece.start + len(piece.pcm) / 2 / RATE - room.start for piece in room.sink.heard[-1:]]
    seconds = max([len(room.caller) / 2 / RATE, *ends])  # the last answer may end after the caller's sound
    return Recording(
        scene=scene,
        caller=_samples(bytes(room.caller).ljust(2 * round(seconds * RATE), b"\0")),
        bot=_samples(room.sink.track(room.start, seconds)),
        placed=tuple(room.placed),
        said=tuple(replace(said, since=said.since - room.start) for said in voice.said),
        asked=tuple(event.text for _, event in log if isinstance(event, TurnCommitted) and _asks(event)),
        history=tuple(call.history),
        final_words=tuple(word for _, event in log if isinstance(event, FinalWords) for word in event.words),
        decided=tuple(f"{at:.2f} {event}" for at, event in log if isinstance(event, Decided)),
    )


def _asks(event: TurnCommitted) -> bool:
    return event.reason in ("speech", "silence")


def _with_greeting(policy: Policy, bot: Bot) -> Policy:
    return policy if bot.greeting is None else replace(policy, call=replace(policy.call, greeting=bot.greeting))


def _samples(pcm: bytes) -> Samples:
    import numpy as np

    return np.frombuffer(pcm, "<i2") / 32_768
