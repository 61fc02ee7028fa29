"""Emoji, left out."""

# ruff: noqa: RUF001  # punctuation of other scripts

from __future__ import annotations

import pytest

from tests.unit.reply_kit import fed, heard_at, raw, through
from voicekit.reply import strip_emoji
from voicekit.reply.text import joined


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("Hi 👋 there", "Hi there"),
        ("😀 Hello", "Hello"),
        ("Great👍🏽 job", "Great job"),
        ("My 👨‍👩‍👧‍👦 family", "My family"),
        ("🏳️‍🌈🏴󠁧󠁢󠁥󠁮󠁧󠁿🇩🇪 flags", "flags"),
        ("done ✅ ⭐ ❤️ ☀️ ok", "done ok"),
        ("line\n🎉 party\n", "line\nparty\n"),
    ],
)
def test_pictures_go_with_all_that_belongs_to_them(text, said):
    """Faces, skin tones, families, flags and symbols are dropped, and one of the spaces around them."""
    assert through(strip_emoji(), text) == said


@pytest.mark.parametrize("text", ["C♯ and B♭", "© 2024, ™ and ®", "① ② A→B", "naïve 你好 हिन्दी", "क्‍ष", "5 × 3 ÷ 2 ± 1"])
def test_what_is_read_aloud_stays(text):
    """Letters, musical signs, circled numbers, arrows and the joiners of Indian scripts are no emoji."""
    assert through(strip_emoji(), text) == text


def test_the_digit_of_a_keycap_stays():
    """A keycap is said as the digit in it."""
    assert through(strip_emoji(), "press 1️⃣ or #️⃣") == "press 1 or #"


def test_a_dropped_emoji_counts_as_heard_with_the_word_behind_it():
    """`to` skips the emoji like any other mark that is not said."""
    said = joined(fed(strip_emoji(), raw(["a 😀 b"])))
    assert said.text == "a b"
    assert heard_at(said, "b") == (5,)
