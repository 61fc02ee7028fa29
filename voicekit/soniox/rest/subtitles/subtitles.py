"""Makes subtitles from a transcript, as SRT and WebVTT, split as subtitlers would split them. Pure.

    cues = captions(transcript.tokens)                     the words that were said
    cues = captions(transcript.tokens, translated=True)    their translation
    Path("talk.srt").write_text(srt(cues), encoding="utf-8")

A caption has at most two lines of 42 characters and is shown for 5/6 of a second to 7 seconds, as broadcasters require.
It ends at the end of a sentence, at a pause, at a change of speakers, or when it is full. If people answer each other
faster than captions can be read, captions are shown a little late rather than too briefly. To limit the delay to about
a second, several turns may share one caption, each after a dash.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from voicekit.errors import ConfigError
from voicekit.soniox.rest.schema.answers import TranscriptToken
from voicekit.soniox.rest.subtitles.spans import CaptionWord, may_break, timed, words_of

ENDS: Final = ".?!\u2026\u3002\uff01\uff1f"
CLOSING: Final = "\"')]}\u00bb\u201d\u2019\u300d\u300f"


@dataclass(frozen=True, slots=True)
class Style:
    """The limits of captions. Characters are counted in columns: a wide character, as in Chinese, counts as two.

    `pause_ms` is the silence that ends a caption. `linger_ms` is how long a caption stays after its last word, if there
    is time. `late_ms` is how much later than its first word a caption may be shown; to avoid a longer delay, several
    turns or sentences share a caption.
    """

    columns: int = 42
    lines: int = 2
    shortest_ms: int = 834
    longest_ms: int = 7_000
    gap_ms: int = 84
    pause_ms: int = 1_000
    linger_ms: int = 500
    late_ms: int = 1_000

    def __post_init__(self) -> None:
        if self.columns < 16 or self.lines < 1 or not 0 < self.shortest_ms < self.longest_ms or self.gap_ms < 0:
            raise ConfigError(
                "subtitles: expected columns of at least 16, lines of at least 1, shortest_ms above 0 and below "
                f"longest_ms, and gap_ms of at least 0, got {self}"
            )


STYLE: Final = Style()


@dataclass(frozen=True, slots=True)
class Caption:
    """The text that is shown from `start_ms` to `end_ms`. `speaker` is None if there is only one speaker, if the
    speaker is unknown, or if several speakers share the caption.
    """

    start_ms: int
    end_ms: int
    lines: tuple[str, ...]
    speaker: str | None = None


def captions(tokens: Iterable[TranscriptToken], *, translated: bool = False, style: Style = STYLE) -> list[Caption]:
    """The captions of a transcript, in order and without overlaps. Translations use the times of their originals."""
    words = list(words_of(timed(tokens, translated)))
    several = len({word.speaker for word in words if word.speaker is not None}) > 1
    groups = list(_groups(words, style, several))
    following = [start for start, _ in groups[1:]]
    return [
        Caption(
            start,
            _end(group, start, after, style),
            tuple(_lines(group, style, _label(group, several))),
            group[0].speaker if several and not _shared(group) else None,
        )
        for (start, group), after in zip(groups, [*following, None], strict=False)
    ]


def srt(cues: Sequence[Caption]) -> str:
    """The captions as SubRip. When somebody begins to speak, their name is put before the text."""
    blocks, before = [], None
    for number, cue in enumerate(cues, 1):
        named = cue.speaker is not None and cue.speaker != before
        before = cue.speaker
        text = "\n".join(cue.lines).replace("-->", "->")
        label = speaker_label(cue.speaker) if named else ""
        blocks.append(f"{number}\n{_clock(cue.start_ms, ',')} --> {_clock(cue.end_ms, ',')}\n{label}{text}\n")
    return "\n".join(blocks)


def vtt(cues: Sequence[Caption]) -> str:
    """The captions as WebVTT. A speaker is named in a voice span, which players may show or colour."""
    blocks = ["WEBVTT\n"]
    for cue in cues:
        text = "\n".join(cue.lines).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
        voice = "" if cue.speaker is None else f"<v {speaker_label(cue.speaker)[:-2]}>"
        blocks.append(f"{_clock(cue.start_ms, '.')} --> {_clock(cue.end_ms, '.')}\n{voice}{text}\n")
    return "\n".join(blocks)


def readable(tokens: Iterable[TranscriptToken], *, translated: bool = False) -> str:
    """The text, with a new paragraph whenever the speaker changes; speakers are named if there are several."""
    words = list(words_of(timed(tokens, translated)))
    several = len({word.speaker for word in words if word.speaker is not None}) > 1
    paragraphs: list[list[CaptionWord]] = []
    for word in words:
        if not paragraphs or (several and word.speaker != paragraphs[-1][-1].speaker):
            paragraphs.append([])
        paragraphs[-1].append(word)
    return "\n\n".join(f"{_label(group, several)}{_text(group)}" for group in paragraphs)


def speaker_label(speaker: str | None) -> str:
    return f"Speaker {_plain(speaker or '?')}: "


# --- captions and their times ---


def _groups(words: Iterable[CaptionWord], style: Style, several: bool) -> Iterator[tuple[int, list[CaptionWord]]]:
    """Yield the words of each caption, and the time at which it appears: with its first word, or when the previous
    caption has been shown long enough.
    """
    group: list[CaptionWord] = []
    start = earliest = 0
    for word in words:
        for piece in _short(word, style):
            if group and _ends(group, piece, start, style, several):
                yield start, group
                group, earliest = [], start + style.shortest_ms + style.gap_ms
            if not group:
                start = max(piece.start, earliest)
            group.append(piece)
    if group:
        yield start, group


def _short(word: CaptionWord, style: Style) -> Iterator[CaptionWord]:
    """Cut a word into pieces that fit into a line, with its time spread over them by length; usually there is only one
    piece."""
    most = style.columns - len(speaker_label(word.speaker))
    said, whole, lasts = 0, len(word.text), word.end - word.start
    for piece in _pieces(word.text):
        for letters in _cut(piece, most):
            here = word.start + lasts * said // whole
            said += len(letters)
            if not letters.isspace():
                yield CaptionWord(letters, here, word.start + lasts * said // whole, word.speaker)


def _cut(letters: str, most: int) -> Iterator[str]:
    while letters:
        count = 1
        while count < len(letters) and _columns(letters[: count + 1].strip()) <= most:
            count += 1
        yield letters[:count]
        letters = letters[count:]


def _ends(group: Sequence[CaptionWord], word: CaptionWord, start: int, style: Style, several: bool) -> bool:
    """Whether a caption that appears at `start` ends before `word`."""
    last, full = group[-1], [*group, word]
    if len(_laid_out(_turns(full), style, _label(full, several))) > style.lines:
        return True
    if start + style.shortest_ms + style.gap_ms - word.start > style.late_ms:
        return False  # the next caption would come too late
    if word.speaker != last.speaker or word.start - last.end >= style.pause_ms:
        return True
    if word.end - group[0].start > style.longest_ms:
        return True
    is_sentence = _text(group).rstrip(CLOSING).endswith(tuple(ENDS))
    return is_sentence and last.end - group[0].start >= style.shortest_ms


def _end(group: Sequence[CaptionWord], start: int, following: int | None, style: Style) -> int:
    wanted = max(group[-1].end + style.linger_ms, start + style.shortest_ms)
    latest = start + style.longest_ms if following is None else min(start + style.longest_ms, following - style.gap_ms)
    return min(wanted, latest)


def _text(group: Iterable[CaptionWord]) -> str:
    return "".join(word.text for word in group).strip()


def _shared(group: Sequence[CaptionWord]) -> bool:
    return len({word.speaker for word in group}) > 1


def _label(group: Sequence[CaptionWord], several: bool) -> str:
    return speaker_label(group[0].speaker) if several and not _shared(group) else ""


def _lines(group: Sequence[CaptionWord], style: Style, label: str) -> list[str]:
    """Break words into lines; if there are two, their lengths are balanced."""
    turns = _turns(group)
    lines = _laid_out(turns, style, label)
    if len(lines) == 2 and lines != ["".join(turn).strip() for turn in turns]:
        words = [word for turn in turns for word in turn]
        # of two equally good splits, prefer the one with the longer second line
        for place in range(len(words) - 1, 0, -1):
            one, other = "".join(words[:place]).strip(), "".join(words[place:]).strip()
            widths = _columns(one) + len(label), _columns(other)
            if max(widths) <= style.columns and max(widths) <= max(_columns(lines[0]) + len(label), _columns(lines[1])):
                lines = [one, other]
    return lines


def _laid_out(turns: Sequence[Sequence[str]], style: Style, label: str) -> list[str]:
    """Put turns into separate lines if possible, else break all words into lines, with room for a label in the
    first."""
    lines = ["".join(turn).strip() for turn in turns]
    if 1 < len(lines) <= style.lines and all(_columns(line) <= style.columns for line in lines):
        return lines
    return _filled([word for turn in turns for word in turn], style.columns, len(label))


def _turns(group: Sequence[CaptionWord]) -> list[list[str]]:
    """The words of each turn; if there are several turns, each begins with a dash."""
    turns: list[list[str]] = []
    for place, word in enumerate(group):
        if place == 0 or word.speaker != group[place - 1].speaker:
            turns.append([])
        turns[-1].append(word.text)
    if len(turns) > 1:
        for turn in turns:
            turn[0] = f" - {turn[0].lstrip()}"
    return turns


def _pieces(text: str) -> Iterator[str]:
    """`text` cut wherever a line may be broken."""
    here = 0
    for place in range(1, len(text)):
        if may_break(text[here:place], text[place]):
            yield text[here:place]
            here = place
    if text:
        yield text[here:]


def _filled(words: Sequence[str], columns: int, taken: int) -> list[str]:
    lines: list[str] = [""]
    for word in words:
        longer = lines[-1] + word if lines[-1] else word.lstrip()
        room = columns - (taken if len(lines) == 1 else 0)
        if lines[-1] and _columns(longer) > room:
            lines.append(word.lstrip())
        else:
            lines[-1] = longer
    return lines


def _columns(text: str) -> int:
    if text.isascii():
        return len(text)
    return sum(2 if unicodedata.east_asian_width(letter) in "WF" else 1 for letter in text)


def _clock(ms: int, mark: str) -> str:
    seconds, ms = divmod(ms, 1_000)
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:02}:{minutes:02}:{seconds:02}{mark}{ms:03}"


def _plain(name: str) -> str:
    """A speaker's name without the format's special characters, shortened, since it takes space from the text."""
    return "".join(letter for letter in name if letter.isalnum() or letter in " _-")[:8] or "?"
