"""Finds where sentences and clauses end, in every script.

A sentence ends after its end mark and any closing quotes or brackets, if white space follows. In scripts without
spaces, no white space is needed. A new line also ends a sentence. Thai and Lao have no end mark: they put a space
between sentences, but also between clauses, so only a pause decides (see `ends_sentence`).

If in doubt, a full stop does not end a sentence, since a missing pause sounds better than a wrong one: the full stops
of "Dr. Smith", "J. S. Bach", "z. B. hier", "No. 5", "am 12. Juni" and "1. First" belong to their words. After a number
or an abbreviation, the next word shows whether the sentence continues.
"""

# ruff: noqa: RUF001, SIM905  # punctuation of other scripts; a list of words reads better as one string

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from voicekit.writing.marks import CLAUSE_MARKS, SENTENCE_MARKS

ABBREVIATIONS: Final = frozenset(
    "mr mrs ms mx dr prof sr sra srta st mt ft gen col lt sgt capt gov sen rep rev hon vs etc approx dept fig vol ca "
    "cf jan feb apr aug sept oct nov dec ave blvd rd bzw usw ggf inkl exkl evtl hr fr nr str tel mme mlle mgr dhr mevr "
    "bijv blz enz tzn tzv resp apod např mgr ing inż hab sv stb pl osv bl ред ул просп др проф тыс млн млрд руб коп "
    "стр гр".split()
)
"""Words that keep their full stop inside a sentence; dotted ones (e.g., p.m., z.B.) are recognised by their shape."""

BEFORE_NUMBERS: Final = frozenset("no nos num núm art kap abb tab bd pos op pp pág págs nº см".split())
"""Words that keep their full stop only before a number: "No. 5", but "No. I don't"."""

MONTHS: Final = frozenset(
    "january february march april may june july august september october november december jan feb mar apr jun jul "
    "aug sep sept oct nov dec januar jänner februar feber märz mai juni juli oktober dezember mär okt dez".split()
)
"""The months in languages that capitalise them; in all others, the small letter shows that the sentence continues."""

CONTEXT: Final = 40
"""How many characters before a mark are examined (after it, twice as many); a word cut off by this limit gets no
special treatment.
"""

_MARKS = SENTENCE_MARKS + "…⋯"  # Unicode does not count the ellipsis as a mark, since it does not always end a sentence
_COMMA = "\u104a"  # the Burmese mark that Unicode lists as ending a sentence, but that writers use as a comma
_UNSPACED = "。！？｡．︒︕︖﹒﹖﹗။।॥"  # marks that need no white space after them
_NUMERIC = "．।॥"  # marks that may precede a digit without ending a sentence
_CLOSING = "[\"'”’»›)\\]}“‘«‹」』）】》〉〕］｝]"
# “ is left out, since it opens a quotation if it directly follows a mark
_CLOSING_UNSPACED = "[\"'”’)」』）】》〉〕］｝]"

# ";" is the Greek question mark
_MARK = re.compile(rf"(?<![{_MARKS}])[{_MARKS}]+|(?<=[\u0370-\u03ff\u1f00-\u1fff])[;\u037e]|\n")
_HAS_UNSPACED = re.compile(f"[{_UNSPACED}]")
_CLOSED = re.compile(f"{_CLOSING}*")
_CLOSED_UNSPACED = re.compile(f"{_CLOSING_UNSPACED}*(?![{_MARKS}])")
_CLAUSE = re.compile(rf"[{CLAUSE_MARKS}·–—)]+{_CLOSING}*(?=\s)|[，、；：､﹐﹑﹔﹕{_COMMA}]+{_CLOSING_UNSPACED}*")
_AT_END = re.compile(rf"[{_MARKS};:；：]+[\"'”’»›)\]}}“‘«‹」』）】》〉〕］｝*_]*\s*\Z|\n\s*\Z")
_MARK_AT_END = re.compile(rf"{_CLOSING}*[{_MARKS}]+{_CLOSING}*\Z")
_SPACED_THAI = re.compile(r"[\u0e00-\u0eff]\s+\Z")
_WORD_BEFORE = re.compile(r"(?:(?P<before>\S+)\s+)?[\"'“‘„‚«‹(\[¿¡*_]*(?P<word>[^\s\"“„«(\[]*)\Z")
_NEXT_WORD = re.compile(r"\s*[\"'“‘„‚«‹(\[¿¡*_]*(?P<word>[^\W_]{0,24})(?P<rest>.?)", re.DOTALL)
_DOTTED = re.compile(r"(?:[^\W\d_]{1,2}\.)+[^\W\d_]{1,2}")
_PART = re.compile(r"[^\W\d_]{1,2}\.")
_NUMBER = re.compile(r"[\d.,:/–-]*\d")
_ROMAN = re.compile(r"[IVXLC]{2,}")
_BEFORE_ORDINAL = re.compile(r"(?:am|der|dem|den|des|die|das|im|vom|zum|zur|beim|seit)", re.IGNORECASE)
_HANGUL = re.compile(r"[\uac00-\ud7a3]")


def sentence_ends(text: str, *, last: bool = False) -> Iterator[int]:
    """The index after each sentence in `text` that has certainly ended; white space after a sentence is not included.

    If the next word is needed to decide and has not arrived, no more ends are returned, unless `last` states that no
    more text will follow.

    >>> text = "Dr. Smith is in. क्या हाल है? Wir feiern am 12. Juni. Is it 5. "
    >>> [text[:place].split()[-1] for place in sentence_ends(text)]
    ['in.', 'है?', 'Juni.']
    """
    for match in _MARK.finditer(text):
        end = _closed(text, match)
        if end is None or not text[:end].strip():
            continue
        goes_on = _goes_on(text, match, end, last)
        if goes_on is None:
            return
        if not goes_on:
            yield end


def clause_ends(text: str) -> Iterator[int]:
    """The index after each comma, colon, dash or bracket at which a voice may pause."""
    return (match.end() for match in _CLAUSE.finditer(text))


def ends_sentence(text: str) -> bool:
    """Whether a speaker who falls silent after `text` has probably ended a sentence, or reached a colon.

    >>> [ends_sentence(text) for text in ("Well.", "कैसे हैं?", "It costs 3.", "Dr.", "สวัสดีครับ ")]
    [True, True, False, False, True]
    """
    mark = _AT_END.search(text)
    if mark is None:
        return _SPACED_THAI.search(text) is not None
    if mark[0][0] in ".:" and text[: mark.start()][-1:].isdigit():
        return False
    whole = text.rstrip()
    return mark[0][0] != "." or len(whole) in sentence_ends(whole + " ", last=True)


def sentence_mark(text: str) -> int:
    """The index at which the final punctuation of `text` begins: at its mark, or at any closing quotes or brackets just
    before the mark. If there is no mark, the length of `text`.

        >>> sentence_mark('He said "no!"'), sentence_mark("no")
        (11, 2)
    """
    mark = _MARK_AT_END.search(text)
    return len(text) if mark is None else mark.start()


def _closed(text: str, match: re.Match[str]) -> int | None:
    """The index after the mark and any closing quotes or brackets; None if the text after them shows that the sentence
    continues."""
    mark, end = match[0], match.end()
    if mark == "\n":
        return end
    if _HAS_UNSPACED.search(mark):
        closed = _CLOSED_UNSPACED.match(text, end)
        # at the end of the text, the sentence may still continue
        return closed.end() if closed is not None and closed.end() < len(text) else None
    closed = _CLOSED.match(text, end)
    assert closed is not None, "it may be empty"
    return closed.end() if text[closed.end() : closed.end() + 1].isspace() and mark != _COMMA else None


def _goes_on(text: str, match: re.Match[str], end: int, last: bool) -> bool | None:
    """Whether the sentence continues after the mark, which then belongs to a word; None while that is uncertain."""
    mark, following = match[0], text[end : end + 2 * CONTEXT]
    if mark[-1] in _NUMERIC and following[:1].isdigit():
        return True
    if text[end - 1] in "」』）" and following.startswith(("と", "って")):
        return True  # the sentence continues, as in 「はい。」と言った (he said "yes")
    if mark != ".":
        return False
    preceding = text[max(0, match.start() - CONTEXT) : match.start()]
    before = _WORD_BEFORE.search(preceding)
    assert before is not None, "both its parts may be empty"
    word, part = before["word"], before["before"] or ""
    if _belongs(word):
        return True
    if _NUMBER.fullmatch(word):
        if word.isdigit() and text[: match.start()].rpartition("\n")[2].strip() == word:
            return True  # the number of a list item, as in "1. First"
        if _BEFORE_ORDINAL.fullmatch(part) and not preceding[: before.start()].endswith("I "):
            return True  # an ordinal, as in "der 2. Weltkrieg", but not in "I am 12. He is ..."
        return _followed(following, last, digits=True, small=True, months=True)
    if word.casefold() in BEFORE_NUMBERS:
        return _followed(following, last, digits=True)
    if _ROMAN.fullmatch(word) or (len(word) <= 4 and _PART.fullmatch(part)):
        return _followed(following, last, digits=True, small=True)
    return False


def _belongs(word: str) -> bool:
    """Whether a full stop after `word` always belongs to the word, as after an abbreviation or an initial."""
    if len(word) == 1:
        return word.isalpha() and word != "I" and not _HANGUL.match(word) and not "\u2e80" <= word <= "\u9fff"
    return word.casefold() in ABBREVIATIONS or _DOTTED.fullmatch(word) is not None


def _followed(
    following: str, last: bool, *, digits: bool = False, small: bool = False, months: bool = False
) -> bool | None:
    """Whether the next word is a number, begins with a small letter, or is a month; None if it has not come."""
    match = _NEXT_WORD.match(following)
    assert match is not None, "each of its parts may be empty"
    word = match["word"]
    if (digits and word[:1].isdigit()) or (small and word[:1].islower()):
        return True
    if last or (word and not (months and word[0].isupper() and not match["rest"])):
        return months and word.casefold() in MONTHS
    return False if match["rest"] else None
