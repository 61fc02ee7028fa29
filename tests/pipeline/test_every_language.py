"""Heard = history in every language: whenever a reply is cut, the history says what was played.

The scripted peer speaks each character for 60 ms, whose samples are its code point, and tells the service's character
times. So the sink's record tells how many characters had begun; `str.split` tells what words are, and the package
`regex` where characters end. Neither knows of `voicekit.writing`.

VOICEKIT_FULL=1 cuts ten times as often. The counts are printed.
"""

from __future__ import annotations

import os
import tomllib
from array import array
from bisect import bisect_left
from collections.abc import Sequence
from pathlib import Path
from random import Random

import pytest
import regex
import trio

from voicekit.audio.format import AudioFormat
from voicekit.events import TurnEnded
from voicekit.play.sink import RecordingSink
from voicekit.reply import sentences
from voicekit.reply.quiet import QuietTts
from voicekit.session import Session
from voicekit.soniox import SonioxTts, TtsConfig
from voicekit.soniox.api.limits import STT_LANGUAGES, TTS_LANGUAGES
from voicekit.testing import Script, hold_call
from voicekit.testing.fakes import FakeTts
from voicekit.testing.scripted import ScriptedSource
from voicekit.testing.soniox import SonioxPeer
from voicekit.testing.soniox.peer_tts import PER_CHARACTER

_DATA = tomllib.loads(Path(__file__).parents[1].joinpath("data/languages.toml").read_text(encoding="utf-8"))
LANGUAGES: dict[str, str] = _DATA["languages"]
TEXTS = LANGUAGES | _DATA["others"]
UNSPACED = {"ja", "km", "lo", "my", "th", "zh"}

CUTS = 20 if os.environ.get("VOICEKIT_FULL") else 2
"""In each language and each way of speaking."""

FIRST_SOUND = 0.25
"""Seconds, about; a cut may come before the first sound, too."""

CHARACTERS = 3
"""As people see them, by which history may be wrong where there are no spaces."""


class Cutter:
    """Types lines, each in the middle of the reply to the one before, and judges what history makes of that."""

    def __init__(self, text: str, sink: RecordingSink, random: Random) -> None:
        self.wrong: list[str] = []
        self.cuts = self.off = 0
        self._text = text
        self._ends = [0, *(character.end() for character in regex.finditer(r"\X", text))]
        self._sink = sink
        self._random = random
        self._pieces = 0
        self._session: Session | None = None

    async def cut(self, session: Session) -> None:
        self._session = session
        session.watch(self._judge)
        longest = FIRST_SOUND + len(self._text) * PER_CHARACTER
        for _ in range(CUTS):
            session.type("Go on.")
            await trio.sleep(self._random.uniform(0.1, longest))
        session.type("Enough.")
        await trio.sleep(0.05)
        session.end(graceful=False)

    def _judge(self, event: object) -> None:
        if not isinstance(event, TurnEnded):
            return
        assert self._session is not None
        pieces, self._pieces = self._sink.heard[self._pieces :], len(self._sink.heard)
        samples = sum(1 for piece in pieces for value in array("h", piece.pcm) if value)
        played = -(-samples // round(PER_CHARACTER * self._sink.format.rate))
        exchange = self._session.history[-1]
        self.cuts += exchange.cut and exchange.user != "Enough."
        if why := self._mistake(exchange.heard, played):
            self.wrong.append(f"{why}: {exchange.heard!r} is history, {self._text[:played]!r} was played")

    def _mistake(self, heard: str, played: int) -> str:
        text = self._text
        if not text.startswith(heard):
            return "not what was said"
        if len(heard) not in self._ends:
            return "a character is torn"
        if self._is_spaced:
            off = len(heard.split()) - len(text[:played].split())
            least = text.rindex(" ") + 1
        else:
            off = self._ends.index(len(heard)) - bisect_left(self._ends, played)
            least = self._ends[-1 - CHARACTERS]
        self.off = max(self.off, abs(off))
        if abs(off) > (1 if self._is_spaced else CHARACTERS):
            return f"off by {off}"
        return "all heard" if heard == text and played < least else ""

    @property
    def _is_spaced(self) -> bool:
        return self._text not in {TEXTS[language] for language in UNSPACED}


def pieces_of(text: str, random: Random) -> Sequence[str]:
    """`text` as a model may write it, cut anywhere."""
    cuts = sorted(random.sample(range(1, len(text)), len(text) // 4))
    return [text[start:end] for start, end in zip([0, *cuts], [*cuts, len(text)], strict=True)]


def hold(language: str, *, by_sentence: bool) -> Cutter:
    text, random = TEXTS[language], Random(f"{language} {by_sentence}")

    async def bot(turn, say):
        if turn.text == "Enough.":
            return
        for piece in pieces_of(text, random) if by_sentence else [text]:
            await say(piece)
            if by_sentence and random.random() < 0.1:
                await trio.sleep(random.choice([0.05, 0.2, 0.6]))  # the last two are long enough for a pause in speech

    user, sink = Script(), RecordingSink(AudioFormat(8_000), keep=10_000_000)
    user.stays(until=30.0 * CUTS)
    service = SonioxPeer(user)
    config = TtsConfig(language=language if language in TTS_LANGUAGES else "en")
    tts = SonioxTts(config, key="not-a-key", endpoints=service.endpoints, transport=service.transport)
    cutter = Cutter(text, sink, random)
    voice = [sentences(40), tts] if by_sentence else tts
    hold_call(bot, user, tts=voice, stt=None, vad=None, source=ScriptedSource(user), sink=sink, during=cutter.cut)
    return cutter


@pytest.mark.parametrize("by_sentence", [False, True], ids=["whole", "by sentence"])
@pytest.mark.parametrize("language", TEXTS)
def test_a_reply_that_is_cut_was_heard_as_history_says(language: str, by_sentence: bool) -> None:
    """To a word where there are spaces, to three characters where there are none, and never in a character's middle."""
    cutter = hold(language, by_sentence=by_sentence)
    unit = "characters" if language in UNSPACED else "words"
    print(f"{language}: {cutter.cuts} cuts, off by {cutter.off} {unit} at most, {len(cutter.wrong)} wrong")
    assert cutter.wrong == []
    assert cutter.cuts >= CUTS // 2


@pytest.mark.parametrize("tts", [FakeTts, QuietTts])
@pytest.mark.parametrize("language", ["th", "zh", "km"])
def test_voices_of_the_kit_count_characters_too(language: str, tts: type[FakeTts] | type[QuietTts]) -> None:
    """Where there are no spaces, a reply of the fake or the silent voice that is cut was not heard whole."""
    user = Script()
    user.types("weather", at=0.5)
    user.types("thanks", at=1.3)
    user.stays(until=2.0)
    text = TEXTS[language]
    call = hold_call(
        lambda turn: text if turn.number == 1 else None, user, tts=tts(per_character=0.05), stt=None, vad=None
    )
    assert 3 <= len(call.history[0].heard) <= 0.8 / 0.05 + CHARACTERS


def test_there_is_a_text_in_every_language_of_the_service() -> None:
    """Whatever it speaks or hears is tried here, with sentences long enough to be cut in the middle."""
    assert set(LANGUAGES) == STT_LANGUAGES | TTS_LANGUAGES
    assert min(map(len, TEXTS.values())) >= 45
    assert bisect_left(sorted(map(len, TEXTS.values())), 130) == len(TEXTS)
