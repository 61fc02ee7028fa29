"""Tokens become a transcript: finals once, tails replaced, markers anywhere, and times in ear samples."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from voicekit.events import Endpoint, Final, Finalized, Interim, Progress, Translated, Word
from voicekit.soniox.api.wire import SttResponse, Token
from voicekit.soniox.stt.tokens import Tokens

END = Token(text="<end>", is_final=True)
FIN = Token(text="<fin>", is_final=True)


def tok(text: str, start: float | None = None, end: float | None = None, final: bool = True, **more: Any) -> Token:
    return Token(text=text, start_ms=start, end_ms=end, is_final=final, **more)


def read(tokens: Tokens, *said: Token, final_ms: float | None = None, to: int | None = None) -> list[Any]:
    return list(tokens.read(SttResponse(tokens=said, final_audio_proc_ms=final_ms), None, to))


def test_finals_are_said_once_and_tails_replaced() -> None:
    """Each final word is said when the next begins; the tail shrinks and vanishes as the service says."""
    tokens = Tokens(1_000, 0)
    assert read(tokens, tok(" he", 0, 50, False), tok("llo", 50, 90, False)) == [Interim((Word(" hello", 0, 90),))]
    assert read(tokens, tok(" hel", 0, 60), tok("lo", 60, 90), tok(" you", 100, 150, False)) == [
        Interim((Word(" hello", 0, 90), Word(" you", 100, 150)))
    ]
    assert read(tokens, tok(" all", 100, 140)) == [
        Final((Word(" hello", 0, 90),)),
        Interim((Word(" all", 100, 140),)),
    ]
    assert tokens.finish() == [Final((Word(" all", 100, 140),)), Interim(())]


def test_a_marker_in_the_middle_ends_one_segment_and_begins_the_next() -> None:
    """Words before it are final whatever follows; an endpoint is where the last of them ended."""
    tokens = Tokens(1_000, 500)
    said = read(tokens, tok(" one", 0, 100), END, tok(" two", 300, 400), FIN, tok(" three", 500, 600, False), to=900)
    assert said == [
        Final((Word(" one", 500, 600),)),
        Endpoint(600),
        Final((Word(" two", 800, 900),)),
        Finalized(900),
        Interim((Word(" three", 1_000, 1_100),)),
    ]


def test_a_marker_may_close_nothing() -> None:
    """When the tail was retracted, an endpoint comes with no words, and says where the last ones ended."""
    tokens = Tokens(1_000, 0)
    read(tokens, tok(" no", 0, 100, False))
    assert read(tokens, END) == [Interim(()), Endpoint(0)]


def test_both_markers_may_come_for_one_pause() -> None:
    """`<end>` and `<fin>` are two events; neither stands for the other."""
    tokens = Tokens(1_000, 0)
    assert read(tokens, tok(" one", 0, 100), END, FIN, to=250) == [
        Final((Word(" one", 0, 100),)),
        Interim(()),
        Endpoint(100),
        Finalized(250),
    ]


def test_a_fin_that_nobody_asked_for_says_what_is_final() -> None:
    """Without a request of ours, everything up to the final position is meant."""
    tokens = Tokens(1_000, 0)
    read(tokens, final_ms=300)
    assert read(tokens, FIN) == [Finalized(300)]


def test_only_exact_markers_are_markers() -> None:
    """A person may say "end", in brackets too."""
    tokens = Tokens(1_000, 0)
    said = read(tokens, tok(" <end>", 0, 10), tok(" end", 10, 20), END)
    assert said[0] == Final((Word(" <end>", 0, 10), Word(" end", 10, 20)))


def test_speakers_and_languages_stay_with_their_words() -> None:
    """A change of speaker begins a word; each word has the language of its tokens."""
    tokens = Tokens(1_000, 0)
    one = tok(" ja", 0, 10, language="de", speaker="1", confidence=0.9)
    two = tok("yes", 10, 20, language="en", speaker="2", confidence=0.8)
    assert read(tokens, one, two, END)[0] == Final(
        (Word(" ja", 0, 10, "de", "1", 0.9), Word("yes", 10, 20, "en", "2", 0.8))
    )


def test_translations_go_their_own_way() -> None:
    """Translated tokens, which have no times, never mix with what was said."""
    tokens = Tokens(1_000, 0)
    said = read(
        tokens,
        tok(" guten", 0, 50, translation_status="original"),
        tok(" good", translation_status="translation", language="en", source_language="de"),
        tok(" Tag", 60, 90, translation_status="original"),
        tok(" day", None, None, False, translation_status="translation"),
    )
    assert said == [
        Final((Word(" guten", 0, 50),)),
        Interim((Word(" Tag", 60, 90),)),
        Translated((Word(" good", 50, 50, "en"), Word(" day", 90, 90)), is_final=False),
    ]
    assert [event.text for event in tokens.finish() if isinstance(event, Translated)] == ["good", ""]


def test_times_are_never_in_the_future_or_before_the_beginning() -> None:
    """Times beyond the sound that was sent are cut to it, absurd ones are none, and a word without stands behind the
    one before."""
    tokens = Tokens(1_000, 100)
    answer = SttResponse(tokens=(tok(" a", -5, 9_999), tok(" b"), tok(" c", 50, 20), tok(" d", 1e300, 1e300), END))
    (final,) = [event for event in tokens.read(answer, 700, None) if isinstance(event, Final)]
    assert [(word.start, word.end) for word in final.words] == [(100, 700), (700, 700), (150, 150), (100, 100)]


def test_progress_is_said_when_it_moves() -> None:
    """In silence too, and never backwards."""
    tokens = Tokens(16_000, 160)
    assert read(tokens, final_ms=100) == [Progress(160 + 1_600)]
    assert read(tokens, final_ms=100) == []
    assert read(tokens, final_ms=50) == []
    assert read(tokens) == []


def test_a_replay_begins_at_the_first_unfinished_word() -> None:
    """Not before the last released word's end, a little before what is unsure, and far into silence that is final."""
    tokens = Tokens(1_000, 0)
    assert tokens.replay_from == 0
    read(tokens, final_ms=5_000)
    assert tokens.replay_from == 4_800
    read(tokens, tok(" week", 6_000, 6_400), final_ms=6_400)
    assert tokens.replay_from == 5_800
    read(tokens, tok(" end", 6_450, 6_700), final_ms=6_800)
    assert tokens.replay_from == 6_400
    read(tokens, END, final_ms=7_500)
    assert tokens.replay_from == 7_300
    read(tokens, tok(" and", 7_400, 7_600, False), final_ms=7_500)
    assert tokens.replay_from == 7_200


WORDS = st.lists(
    st.tuples(st.sampled_from([" a", " bcd", " ef", "gh", ".", "<end>", " "]), st.booleans()), min_size=1, max_size=14
)


@given(WORDS, st.data())
def test_splitting_merging_and_reordering_change_nothing(pieces: list[tuple[str, bool]], data: st.DataObject) -> None:
    """However the final tokens are spread over messages, whatever tails come in between, and wherever the tokens of a
    translation stand among the others: the words, their times and the endpoints are the same."""
    finals = [
        END if text == "<end>" else tok(text, 100 * place, 100 * place + 80) for place, (text, _) in enumerate(pieces)
    ]
    doubled = [tok(text.upper(), translation_status="translation") for text, also in pieces if also and text != "<end>"]
    whole = Tokens(1_000, 0)
    expected = _transcript([*whole.read(SttResponse(tokens=(*finals, *doubled)), None, None), *whole.finish()])
    cuts = sorted(data.draw(st.lists(st.integers(0, len(finals)), max_size=5)))
    cut = Tokens(1_000, 0)
    said: list[Any] = []
    for start, end in zip([0, *cuts], [*cuts, len(finals)], strict=True):
        message, place = finals[start:end], 0
        while doubled and data.draw(st.booleans()):
            place = data.draw(st.integers(place, len(message))) + 1
            message.insert(place - 1, doubled.pop(0))
        tail = data.draw(st.lists(st.sampled_from([tok(" x", 5, 6, False), tok("y", 6, 7, False)]), max_size=3))
        said += cut.read(SttResponse(tokens=(*message, *tail)), None, None)
    said += [*cut.read(SttResponse(tokens=tuple(doubled)), None, None), *cut.finish()]
    assert _transcript(said) == expected
    assert [event for event in said if isinstance(event, Interim)][-1:] in ([], [Interim(())])


def _transcript(said: list[Any]) -> tuple[list[Word], list[Endpoint], str]:
    """The final words, the endpoints, and the translation as text."""
    words = [word for event in said if isinstance(event, Final) for word in event.words]
    translated = "".join(
        word.text for event in said if isinstance(event, Translated) and event.is_final for word in event.words
    )
    return words, [event for event in said if isinstance(event, Endpoint)], translated
