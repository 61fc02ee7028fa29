"""What is written one way and read aloud another."""

# ruff: noqa: RUF001  # dashes of real text

from __future__ import annotations

import pytest

from tests.unit.reply_kit import fed, heard_at, raw, through
from voicekit.flow import StreamContext
from voicekit.reply import spoken_forms
from voicekit.reply.numerals import cardinal, ordinal, year
from voicekit.reply.text import joined

MONEY = {
    "$5": "five dollars",
    "$1": "one dollar",
    "$5.50": "five dollars and fifty cents",
    "$1.01": "one dollar and one cent",
    "$0.99": "ninety-nine cents",
    "$0": "zero dollars",
    "$3.00": "three dollars",
    "$1,249.50": "one thousand two hundred forty-nine dollars and fifty cents",
    "-$5": "minus five dollars",
    "$5 million": "five million dollars",
    "$1.5 Billion": "one point five Billion dollars",
    "$2K": "two thousand dollars",
    "$5-$10": "five to ten dollars",
    "$5–10 million": "five to ten million dollars",
    "£3.20": "three pounds and twenty pence",
    "£0.01": "one penny",
    "€20": "twenty euros",
    "5 €": "five euros",
    "¥500": "five hundred yen",
    "US$5": "US five dollars",
    "₹1,25,000": "one hundred twenty-five thousand rupees",
}
TIMES = {
    "3:05": "three oh five",
    "3:00": "three o'clock",
    "15:30": "fifteen thirty",
    "15:00": "fifteen hundred",
    "09:45": "nine forty-five",
    "0:15": "zero fifteen",
    "3:05 pm": "three oh five P M",
    "3:05pm": "three oh five P M",
    "10 am": "ten A M",
    "9 AM": "nine A M",
    "9 a.m. at": "nine A M at",
    "3:05 p.m. on": "three oh five P M on",
    "3:05 p.m., or": "three oh five P M, or",
    "3:05 p.m. Then": "three oh five P M. Then",
    "2024-05-01": "May first, twenty twenty-four",
    "1905-12-31": "December thirty-first, nineteen oh five",
}
NUMBERS = {
    "50%": "fifty percent",
    "12.5 %": "twelve point five percent",
    "10-15%": "ten to fifteen percent",
    "-3%": "minus three percent",
    "1st": "first",
    "22nd": "twenty-second",
    "103rd": "one hundred third",
    "1,000th": "one thousandth",
    "5 km": "five kilometers",
    "1kg": "one kilogram",
    "10-15 km": "ten to fifteen kilometers",
    "100 km/h": "one hundred kilometers per hour",
    "2.5GB": "two point five gigabytes",
    "-5°C": "minus five degrees Celsius",
    "20°": "twenty degrees",
    "#5": "number 5",
}
ADDRESSES = {
    "example.com": "example dot com",
    "www.example.org": "www dot example dot org",
    "https://voice-kit.dev/docs_1?a=b": "voice dash kit dot dev slash docs underscore 1 question mark a equals b",
    "http://example.com/": "example dot com",
    "j.doe+x@mail.example.co.uk": "j dot doe plus x at mail dot example dot co dot uk",
}
TELEPHONES = {
    "555-123-4567": "five five five, one two three, four five six seven",
    "(555) 123-4567": "five five five, one two three, four five six seven",
    "555 123 4567": "five five five, one two three, four five six seven",
    "5551234567": "five five five, one two three, four five six seven",
    "1-800-555-0199": "one, eight zero zero, five five five, zero one nine nine",
    "555-1234": "five five five, one two three four",
    "+44 20 7946 0958": "plus four four, two zero, seven nine four six, zero nine five eight",
    "4111 1111 1111 1111": "four one one one, one one one one, one one one one, one one one one",
}
AMPERSANDS = {"R&D": "R and D", "salt & pepper": "salt and pepper", "Q&amp;A": "Q and A"}
RANGES = {
    "8am-6pm": "eight A M to six P M",
    "8am–6pm": "eight A M to six P M",
    "8 am – 6 pm": "eight A M to six P M",
    "8 a.m.–6 pm": "eight A M to six P M",
    "8-10am": "eight to ten A M",
    "9 am-noon": "nine A M to noon",
    "11:30-14:00": "eleven thirty to fourteen hundred",
    "9:00–17:00": "nine o'clock to seventeen hundred",
    "3:05-3:45 pm": "three oh five to three forty-five P M",
    "5:30–6 pm": "five thirty to six P M",
    "5-10 €": "five to ten euros",
    "5 €–10 €": "five to ten euros",
    "€5–€10": "five to ten euros",
    "$2.50–$3.00": "two dollars and fifty cents to three dollars",
    "5%–10%": "five to ten percent",
    "5 – 10 %": "five to ten percent",
    "5kg-10kg": "five to ten kilograms",
    "20°–25°": "twenty to twenty-five degrees",
    "1st–3rd": "first to third",
}
FORMS = RANGES | MONEY | TIMES | NUMBERS | ADDRESSES | TELEPHONES | AMPERSANDS


@pytest.mark.parametrize("written", FORMS)
def test_it_is_said_as_a_person_would_read_it(written):
    """Money, times, dates, measures, addresses and telephone numbers become words, said at once or in tokens."""
    for sentence in (written, f"So {written} it is", f"({written}), and"):
        said = sentence.replace(written, FORMS[written])
        assert through(spoken_forms(), sentence) == said
        assert through(spoken_forms(), *sentence) == said


@pytest.mark.parametrize("written", [form for form in FORMS if form[-1] not in ".n,r"])
def test_the_end_of_the_sentence_stays(written):
    """A full stop or a comma behind such a form is not swallowed."""
    for mark in (".", ",", "?", "!"):
        assert through(spoken_forms(), f"It is {written}{mark} Next") == f"It is {FORMS[written]}{mark} Next"


@pytest.mark.parametrize(
    "text",
    [
        "In 2024 there were 1,000 people and 3.5 dogs",
        "version 3.5.2 and 1:23:45 and 10/12",
        "voicekit.py, Node.js and done.It goes on",
        "I have 5 in total, on 5G, 5m people",
        "room 101-b, A4, B2B, 192.168.0.1",
        "12,5 % und 1.234,50 €",
        "am I, and p.m. alone",
        "2 < 3, a = b, $ and % and @",
    ],
)
def test_plain_numbers_and_the_rest_are_left_to_the_voice(text):
    """What a voice reads well, or what is no clear case, is not touched."""
    assert through(spoken_forms(), text) == text


@pytest.mark.parametrize(
    "written",
    [
        *("€1.250,00", "1.250,00 €", "€3,50", "3,50 €", "£1,5", "$1250,00", "R$ 5,00", "R$ 1.250,00"),
        *("€1 250,00", "€1\u00a0250", "1 250 km", "1\u202f250,00 €", "CHF 1’250.00", "1'250 kg", "$1.234.567"),
        *("€1.250", "2.000 km", "1.250,5 km", "5,5%", "12,5-13,5 %", "1.500-2.000 m", "1,5 km"),
        *("8am-25", "8am-6pm-9", "5%-10", "5-10kg-20", "10:30:15", "3:05-ish-7", "24/7-5kg", "2024-05-01T10:00"),
        *("No. 5", "3.14", "1.5.2024", "10/12", "5-10", "1999–2005", "A1-B2", "10-8 km", "In 2024 – 5 km"),
    ],
)
def test_a_range_or_a_number_is_rewritten_whole_or_not_at_all(written):
    """What is understood only in part, or is written as in another country, is left to the voice altogether."""
    for sentence in (written, f"So {written} it is", f"({written}), and"):
        assert through(spoken_forms(), sentence) == through(spoken_forms(), *sentence) == sentence


def test_all_of_it_counts_as_heard_when_its_words_begin():
    """Each letter of "five dollars" stands for the end of "$5", and the words around it for themselves."""
    said = joined(fed(spoken_forms(), raw(["to $5 now"])))
    assert said.text == "to five dollars now"
    assert said.to == (1, 2, 3, *[5] * len("five dollars"), 6, 7, 8, 9)
    assert heard_at(said, "now") == (7, 8, 9)


def test_a_word_waits_for_its_end_and_a_number_for_the_next_word():
    """What can still change is held back, and nothing else."""
    speaking = spoken_forms().start(StreamContext())
    given = [
        joined(speaking.feed(text)).text
        for text in raw(["Hello ", "it is $5", " mil", "lion", " now", ", ok\n", "5\n"])
    ]
    assert given == ["Hello ", "it is ", "", "", "five million dollars ", "now, ok\n", "5\n"]


def test_a_variety_of_a_language_has_the_rules_of_the_language():
    """ "en-GB" and "EN" are English."""
    assert through(spoken_forms("en-GB"), "5%") == through(spoken_forms("EN"), "5%") == "five percent"


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (0, "zero"),
        (13, "thirteen"),
        (20, "twenty"),
        (99, "ninety-nine"),
        (100, "one hundred"),
        (1_001, "one thousand one"),
        (12_345, "twelve thousand three hundred forty-five"),
        (1_000_000, "one million"),
        (999_000_000_000_000, "nine hundred ninety-nine trillion"),
        (10**15, "one" + " zero" * 15),
    ],
)
def test_cardinals(number, words):
    """Numbers have their names up to the trillions, and are said digit by digit beyond."""
    assert cardinal(number) == words


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (1, "first"),
        (2, "second"),
        (3, "third"),
        (5, "fifth"),
        (8, "eighth"),
        (9, "ninth"),
        (12, "twelfth"),
        (20, "twentieth"),
        (21, "twenty-first"),
        (100, "one hundredth"),
        (111, "one hundred eleventh"),
        (0, "zeroth"),
    ],
)
def test_ordinals(number, words):
    """The last word of the number takes the ending."""
    assert ordinal(number) == words


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (1900, "nineteen hundred"),
        (1905, "nineteen oh five"),
        (1999, "nineteen ninety-nine"),
        (2000, "two thousand"),
        (2007, "two thousand seven"),
        (2010, "twenty ten"),
        (2124, "twenty-one twenty-four"),
    ],
)
def test_years(number, words):
    """A year is read in two halves, except in the first years of a millennium."""
    assert year(number) == words
