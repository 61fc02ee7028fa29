"""Configurations are checked before they are sent, and the service's role judges them likewise."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from voicekit.audio.format import AudioFormat
from voicekit.errors import ConfigError
from voicekit.soniox.api import limits
from voicekit.soniox.api.config import check_stt, check_tts, stt_config, tts_config
from voicekit.soniox.api.wire import Context, ContextPair, SttConfig, Translation, TranslationTerm, TtsConfig
from voicekit.soniox.server.checks import Offer, refuse_stt, refuse_tts

STT = SttConfig(model="stt-rt-v5", audio_format="pcm_s16le", sample_rate=16_000, num_channels=1)
TTS = TtsConfig(model="tts-rt-v2", language="en", voice="Maya", audio_format="pcm_s16le", sample_rate=24_000)

BAD_STT: list[tuple[str, dict[str, Any], str]] = [
    ("model", {"model": None}, "model_not_available"),
    ("audio_format", {"audio_format": None}, "Missing audio format."),
    ("audio_format", {"audio_format": "pcm_mulaw"}, "Invalid audio data format: pcm_mulaw"),
    ("sample_rate", {"sample_rate": None}, "sample rate must be specified"),
    ("sample_rate", {"sample_rate": 0}, "sample rate must be specified"),
    ("num_channels", {"num_channels": None}, "channels must be specified"),
    ("num_channels", {"num_channels": 3}, "channels must be specified"),
    ("language_hints", {"language_hints": ("en", "en")}, "Language hints must be unique."),
    ("language_hints", {"language_hints": ("nb",)}, "Invalid language hint."),
    ("language_hints", {"language_hints": ("fil",)}, "Invalid language hint."),
    ("language_hints", {"language_hints": ("",)}, "Invalid language hint."),
    ("language_hints", {"language_hints": ("x" * 11,)}, "Invalid language hint."),
    ("language_hints", {"language_hints": tuple(f"{n}" for n in range(101))}, "Invalid language hint."),
    ("context", {"context": "x" * 10_001}, "Context is too long (max length 10000)."),
    ("context", {"context": Context(text="x" * 9_999, terms=("yy",))}, "Context is too long (max length 10000)."),
    ("max_endpoint_delay_ms", {"max_endpoint_delay_ms": 499}, "between 500 and 3000"),
    ("max_endpoint_delay_ms", {"max_endpoint_delay_ms": 3_001}, "between 500 and 3000"),
    ("endpoint_sensitivity", {"endpoint_sensitivity": 1.01}, "between -1.0 and 1.0"),
    ("endpoint_sensitivity", {"endpoint_sensitivity": -1.01}, "between -1.0 and 1.0"),
    ("endpoint_latency_adjustment_level", {"endpoint_latency_adjustment_level": 4}, "between 0 and 3"),
    ("endpoint_latency_adjustment_level", {"endpoint_latency_adjustment_level": -1}, "between 0 and 3"),
    ("endpoint_sensitivity", {"model": "stt-rt-v4", "endpoint_sensitivity": 0.0}, "Model does not support"),
    ("endpoint_latency", {"model": "stt-rt-v4", "endpoint_latency_adjustment_level": 0}, "Model does not support"),
    ("max_endpoint_delay_ms", {"model": "stt-rt-v3", "max_endpoint_delay_ms": 900}, "Model does not support"),
    ("translation.type", {"translation": Translation(type="three_way")}, "malformed"),
    ("translation.target_language", {"translation": Translation(type="one_way")}, "target language"),
    ("translation.language_b", {"translation": Translation(type="two_way", language_a="en")}, "target language"),
    ("translation.target_language", {"translation": Translation(type="one_way", target_language="nb")}, "target"),
    ("client_reference_id", {"client_reference_id": "x" * 257}, "Client reference ID is too long (max length 256)."),
]  # fmt: skip

BAD_TTS: list[tuple[str, dict[str, Any], str]] = [
    ("model", {"model": None}, "Missing required field: model"),
    ("language", {"language": None}, "Missing required field: language"),
    ("voice", {"voice": None}, "Missing required field: voice"),
    ("audio_format", {"audio_format": None}, "Missing required field: audio_format"),
    ("model", {"model": "m" * 51}, "model is too long (max length 50)."),
    ("voice", {"voice": "v" * 51}, "voice is too long (max length 50)."),
    ("audio_format", {"audio_format": "mulaw"}, "Invalid audio format 'mulaw'."),
    ("sample_rate", {"sample_rate": None}, "Missing required field: sample_rate"),
    ("sample_rate", {"sample_rate": 22_050}, "Invalid sample rate '22050'."),
    ("bitrate", {"audio_format": "mp3", "bitrate": 1}, "Invalid bitrate '1'."),
    ("audio_format", {"bitrate": 64_000}, "Invalid bitrate '64000'."),
    ("speed", {"speed": 0.69}, "speed must be between 0.7 and 1.3."),
    ("speed", {"speed": 1.31}, "speed must be between 0.7 and 1.3."),
    ("client_reference_id", {"client_reference_id": "x" * 257}, "Client reference ID is too long (max length 256)."),
]


@pytest.mark.parametrize(("field", "change", "refusal"), BAD_STT)
def test_a_bad_transcription_option_is_named_before_it_is_sent(
    field: str, change: dict[str, Any], refusal: str
) -> None:
    """The client's error names the field; the service's role refuses the same, in the service's words."""
    config = msgspec.structs.replace(STT, **change)
    with pytest.raises(ConfigError, match=f"Soniox option {field}.*: expected .*, got "):
        check_stt(config)
    refused = refuse_stt(config, Offer())
    assert refused is not None
    assert refusal in (refused.error_type, refused.message) or refusal in refused.message


@pytest.mark.parametrize(("field", "change", "refusal"), BAD_TTS)
def test_a_bad_speech_option_is_named_before_it_is_sent(field: str, change: dict[str, Any], refusal: str) -> None:
    """The client's error names the field; the service's role refuses the same, in the service's words."""
    config = msgspec.structs.replace(TTS, **change)
    with pytest.raises(ConfigError, match=rf"Soniox option {field}.*: expected .*, got "):
        check_tts(config)
    refused = refuse_tts("a", config, Offer())
    assert refused is not None
    assert refusal in refused.message


@pytest.mark.parametrize("value", [900.5, True, float("nan"), "900"])
def test_a_number_of_the_wrong_kind_is_refused(value: object) -> None:
    """Integers are integers: no fraction, no truth value, no text."""
    with pytest.raises(ConfigError, match="max_endpoint_delay_ms: expected an integer from 500 to 3000"):
        check_stt(msgspec.structs.replace(STT, max_endpoint_delay_ms=value))


def test_a_single_string_of_hints_is_refused() -> None:
    """A forgotten comma would otherwise ask for the languages "e" and "n"."""
    with pytest.raises(ConfigError, match="language_hints: expected a sequence"):
        check_stt(msgspec.structs.replace(STT, language_hints="en"))


def test_everything_at_once_is_accepted() -> None:
    """All options of a transcription together, each at an edge of what it may be, pass both sides."""
    config = msgspec.structs.replace(
        STT,
        language_hints=("en", "no", "tl"),
        language_hints_strict=True,
        context=Context(
            general=(ContextPair(key="domain", value="travel"),),
            text="x" * 9_900,
            terms=("Zürich",),
            translation_terms=(TranslationTerm(source="Mr", target="Herr"),),
        ),
        enable_speaker_diarization=True,
        enable_language_identification=True,
        enable_endpoint_detection=True,
        max_endpoint_delay_ms=500,
        endpoint_sensitivity=-1.0,
        endpoint_latency_adjustment_level=3,
        translation=Translation(type="two_way", language_a="en", language_b="de"),
        client_reference_id="x" * 256,
    )
    check_stt(config)
    assert refuse_stt(config, Offer()) is None


@pytest.mark.parametrize("name", [*limits.STT_CONTAINERS, *limits.STT_RAW_FORMATS])
def test_every_format_of_sound_is_accepted(name: str) -> None:
    """Containers need nothing else; raw formats a rate and channels."""
    raw = {"sample_rate": 8_000, "num_channels": 2} if name in limits.STT_RAW_FORMATS else {}
    config = SttConfig(model="stt-rt-v5", audio_format=name, **raw)
    check_stt(config)
    assert refuse_stt(config, Offer()) is None


@pytest.mark.parametrize("name", limits.TTS_FORMATS)
@pytest.mark.parametrize("rate", limits.TTS_RATES)
def test_every_format_and_rate_of_speech_is_accepted(name: str, rate: int) -> None:
    """Each format at each rate passes both sides, and the lossy ones with each bit rate."""
    bitrates = limits.TTS_BITRATES if name in limits.TTS_LOSSY_FORMATS else (None,)
    for bitrate in bitrates:
        config = msgspec.structs.replace(TTS, audio_format=name, sample_rate=rate, bitrate=bitrate, speed=0.7)
        check_tts(config)
        assert refuse_tts("a", config, Offer()) is None


@pytest.mark.parametrize(
    ("encoding", "stt", "tts"),
    [
        ("pcm16", "pcm_s16le", "pcm_s16le"),
        ("float32", "pcm_f32le", "pcm_f32le"),
        ("mulaw", "mulaw", "pcm_mulaw"),
        ("alaw", "alaw", "pcm_alaw"),
    ],
)
def test_our_formats_have_the_services_names(encoding: Any, stt: str, tts: str) -> None:
    """The two services call the same encoding differently."""
    sound = AudioFormat(8_000, encoding)
    heard = stt_config(SttConfig(), sound)
    assert (heard.audio_format, heard.sample_rate, heard.num_channels) == (stt, 8_000, 1)
    assert heard.model == limits.STT_MODEL
    spoken = tts_config(TtsConfig(), sound)
    assert (spoken.audio_format, spoken.sample_rate, spoken.language) == (tts, 8_000, "en")


def test_speech_is_mono_and_at_a_rate_of_the_service() -> None:
    """A format that the voice can't speak in is refused before any sound."""
    with pytest.raises(ConfigError, match="mono"):
        tts_config(TtsConfig(), AudioFormat(24_000, "pcm16", 2))
    with pytest.raises(ConfigError, match="sample_rate"):
        tts_config(TtsConfig(), AudioFormat(22_050))


def test_a_server_refuses_what_it_does_not_offer() -> None:
    """Models, languages and voices outside the offer are refused by name."""
    offer = Offer(voices=("Maya",), tts_languages=("en",))
    assert refuse_tts("a", TTS, offer) is None
    for change, message in (
        ({"voice": "Bob"}, "Invalid voice 'Bob' for model 'tts-rt-v2'."),
        ({"language": "de"}, "Invalid language 'de' for model 'tts-rt-v2'."),
        ({"model": "tts-rt-v9"}, "The requested model is not available."),
    ):
        refused = refuse_tts("a", msgspec.structs.replace(TTS, **change), offer)
        assert refused is not None
        assert refused.message == message
    long_id = refuse_tts("i" * 257, TTS, offer)
    assert long_id is not None
    assert long_id.message == "stream_id is too long (max length 256)."
