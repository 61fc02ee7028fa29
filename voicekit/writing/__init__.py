"""What a character, a word and the end of a sentence are, in every script that a call may be held in. Pure.

All rooms that send, time, align, recognise or count words ask here, so that they mean the same by a word:

- in a script with spaces (Latin, Arabic, Devanagari, Hangul, ...) a word is what stands between white space;
- in a script without (Chinese, Japanese, Thai, Lao, Khmer, Burmese) each character is a word, with the vowel signs,
  tone marks and punctuation that belong to it. Finding the words of such a language takes a dictionary, and the
  answers of two dictionaries differ; a character is found by all in the same place.
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
