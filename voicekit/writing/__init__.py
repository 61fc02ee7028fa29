"""Defines what a character, a word and the end of a sentence are, in every script that a call may use. Pure.

All code that sends, times, aligns, recognises or counts words uses these definitions, so that a word is the same
everywhere:

- in a script with spaces (Latin, Arabic, Devanagari, Hangul, ...), a word is a stretch of text between white space;
- in a script without spaces (Chinese, Japanese, Thai, Lao, Khmer, Burmese), each character is a word, together with its
  vowel signs, tone marks and punctuation. Real words in such a language can be found only with a dictionary, and two
  dictionaries give different results; a character is always found in the same place.
"""

from voicekit.writing.ends import clause_ends, ends_sentence, sentence_ends, sentence_mark
from voicekit.writing.segments import (
    CHARACTER_WORD,
    begins_word,
    clusters,
    is_unspaced,
    letters,
    units,
    whole_clusters,
    word_spans,
)
from voicekit.writing.shapes import shape, skeleton

__all__ = [
    "CHARACTER_WORD",
    "begins_word",
    "clause_ends",
    "clusters",
    "ends_sentence",
    "is_unspaced",
    "letters",
    "sentence_ends",
    "sentence_mark",
    "shape",
    "skeleton",
    "units",
    "whole_clusters",
    "word_spans",
]
