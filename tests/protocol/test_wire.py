"""The messages on the wire: exact JSON out, tolerant reading in."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voicekit.errors import RemoteProtocolError
from voicekit.soniox.api import wire


@pytest.mark.parametrize(
    ("message", "text"),
    [
        (
            wire.SttConfig(model="stt-rt-v5", audio_format="pcm_s16le", sample_rate=16_000, num_channels=1),
            '{"model":"stt-rt-v5","audio_format":"pcm_s16le","sample_rate":16000,"num_channels":1}',
        ),
        (
            wire.SttConfig(
                context=wire.Context(
                    general=(wire.ContextPair(key="domain", value="medicine"),),
                    terms=("Celebrex",),
                    translation_terms=(wire.TranslationTerm(source="Mr", target="Herr"),),
                ),
                translation=wire.Translation(type="two_way", language_a="en", language_b="de"),
            ),
            (
                '{"context":{"general":[{"key":"domain","value":"medicine"}],"terms":["Celebrex"],'
                '"translation_terms":[{"source":"Mr","target":"Herr"}]},'
                '"translation":{"type":"two_way","language_a":"en","language_b":"de"}}'
            ),
        ),
        (
            wire.StreamStart(stream_id="s1", model="tts-rt-v2", voice="Maya", speed=1.1, return_timestamps=True),
            '{"model":"tts-rt-v2","voice":"Maya","speed":1.1,"return_timestamps":true,"stream_id":"s1"}',
        ),
        (wire.StreamText(stream_id="s1", text="", text_end=True), '{"stream_id":"s1","text":"","text_end":true}'),
        (wire.StreamCancel(stream_id="s1"), '{"stream_id":"s1","cancel":true}'),
        (wire.Control(type="finalize", trailing_silence_ms=300), '{"type":"finalize","trailing_silence_ms":300}'),
        (
            wire.TtsResponse(stream_id="s1", audio=b"abc", audio_end=False),
            '{"stream_id":"s1","audio":"YWJj","audio_end":false}',
        ),
        (wire.SttResponse(tokens=()), '{"tokens":[]}'),
    ],
)  # fmt: skip
def test_messages_are_written_without_what_is_not_set(message: object, text: str) -> None:
    """Each message has the service's field names, and nothing for what is None."""
    assert wire.encode(message) == text


def test_null_means_absent_and_unknown_fields_are_skipped() -> None:
    """A message full of nulls and of fields from the future reads like an empty one."""
    text = '{"tokens":null,"final_audio_proc_ms":null,"finished":null,"error_code":null,"new":{"a":[1,{"b":null}]}}'
    assert wire.read_stt_response(text) == wire.SttResponse()
    assert not wire.read_stt_response(text).is_error
    tokens = '{"tokens":[{"text":null,"start_ms":null,"confidence":null,"is_final":null,"is_audio_event":false}]}'
    assert wire.read_stt_response(tokens).tokens == (wire.Token(),)
    nulls = '{"stream_id":"a","text":null,"text_end":null,"cancel":null,"model":null}'
    assert wire.read_tts_request(nulls) == wire.TtsRequest(stream_id="a")


def test_whole_and_broken_milliseconds_are_both_read() -> None:
    """Times may be integers or fractions."""
    answer = wire.read_stt_response('{"tokens":[{"text":"a","start_ms":60,"end_ms":119.5}]}')
    assert answer.tokens == (wire.Token(text="a", start_ms=60, end_ms=119.5),)


@pytest.mark.parametrize(
    "garbage",
    [
        "",
        "hello",
        "null",
        "[]",
        "{",
        '{"tokens":5}',
        '{"tokens":[null]}',
        '{"tokens":[{"text":5}]}',
        '{"error_code":"many"}',
        '{"x":' + "[" * 100_000,
        "\ud800",
        b"\xff\xfe",
        '{"tokens":[{"start_ms":1e999}]}',
        '{"pad":"' + "x" * wire.MESSAGE_BYTES + '"}',
    ],
    ids=range(14),
)
def test_garbage_is_the_peers_fault(garbage: str | bytes) -> None:
    """What can't be read raises RemoteProtocolError, whatever it is made of, with a short quotation."""
    with pytest.raises(RemoteProtocolError) as caught:
        wire.read_stt_response(garbage)
    assert len(str(caught.value)) < 300


@pytest.mark.parametrize("audio", ["!!", "YWI", "YWJ=YWJj"])
def test_bad_base64_is_the_peers_fault(audio: str) -> None:
    """Sound that isn't base64 is garbage, not silence."""
    with pytest.raises(RemoteProtocolError):
        wire.read_tts_response('{"stream_id":"a","audio":"%s"}' % audio)  # noqa: UP031 - braces all over


@given(st.one_of(st.text(), st.binary()))
def test_nothing_but_a_protocol_error_comes_of_any_message(message: str | bytes) -> None:
    """Every reader either reads a message or raises RemoteProtocolError."""
    for read in (wire.read_stt_response, wire.read_tts_response, wire.read_stt_start, wire.read_tts_request):
        try:
            read(message)
        except RemoteProtocolError:
            continue


def test_a_key_in_a_message_is_not_shown() -> None:
    """Requests may carry a key: neither their repr nor the error about a bad one repeats it."""
    start = wire.read_stt_start('{"api_key":"hush","model":"m"}')
    assert start.api_key == "hush"
    assert "hush" not in repr(start)
    assert "hush" not in repr(wire.read_tts_request('{"api_key":"hush","stream_id":"a"}'))
    with pytest.raises(RemoteProtocolError) as caught:
        wire.read_stt_start('{"api_key":"hush","model":5}')
    assert "hush" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "is_start"),
    [
        ('{"stream_id":"a","model":"m"}', True),
        ('{"stream_id":"a","voice":"v"}', True),
        ('{"stream_id":"a","text":"hi"}', False),
        ('{"stream_id":"a"}', False),
        ('{"stream_id":"a","text_end":true}', False),
    ],
)
def test_a_start_is_told_from_a_text_by_its_fields(text: str, is_start: bool) -> None:
    """A request that names anything of a configuration starts a stream."""
    assert wire.read_tts_request(text).is_start is is_start
