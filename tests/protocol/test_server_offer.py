"""A server may offer less than the service: what it lacks is refused in the service's words."""

from __future__ import annotations

import pytest

from voicekit.soniox.api.wire import SttConfig, Translation, TtsConfig
from voicekit.soniox.server.checks import Offer, refuse_stt, refuse_tts
from voicekit.soniox.server.refusal import invalid

HEARS = SttConfig(model="stt-rt-v5", audio_format="flac")
SPEAKS = TtsConfig(model="tts-rt-v2", language="en", voice="Maya", audio_format="aac")


@pytest.mark.parametrize(
    ("config", "offer", "message"),
    [
        (HEARS, Offer(stt_formats=("wav", "pcm_s16le")), "Invalid audio data format: flac"),
        (
            SttConfig(
                model="stt-rt-v5", audio_format="flac", translation=Translation(type="one_way", target_language="de")
            ),
            Offer(translates=False),
            "Model does not support translations.",
        ),
    ],
)
def test_what_the_recogniser_lacks_is_refused(config: SttConfig, offer: Offer, message: str) -> None:
    """Containers that it can't read and translations that it can't make are refused; the full offer has them."""
    assert refuse_stt(config, offer) == invalid(message)
    assert refuse_stt(config, Offer()) is None


def test_what_the_voice_lacks_is_refused() -> None:
    """An encoding that it can't make is refused as one that does not exist; the full offer has it."""
    assert refuse_tts("a", SPEAKS, Offer(tts_formats=("wav",))) == invalid("Invalid audio format 'aac'.")
    assert refuse_tts("a", SPEAKS, Offer()) is None


@pytest.mark.parametrize(
    ("hints", "message"),
    [
        (("de",), "Invalid language hint. This server understands: en, es."),
        (("de", "en"), None),
        ((), None),
        (("xx",), "Invalid language hint."),
    ],
)
def test_hints_for_languages_that_it_does_not_understand_are_refused(
    hints: tuple[str, ...], message: str | None
) -> None:
    """One language that it knows among them is enough; none of them is an error and not words in another language."""
    config = SttConfig(model="stt-rt-v5", audio_format="flac", language_hints=hints)
    refused = refuse_stt(config, Offer(understood=("es", "en")))
    assert refused == (None if message is None else invalid(message))
