"""What well-known clients really send is accepted by the service's role: nulls, omissions and early keepalives."""

from __future__ import annotations

import pytest

from voicekit.soniox.server.account import Account
from voicekit.soniox.server.realtime.role import KeptAlive
from voicekit.soniox.server.realtime.stream import StreamOver, StreamStarted, TextCame
from voicekit.soniox.server.realtime.stt import (
    AudioCame,
    Configured,
    EndAsked,
    FinalizeAsked,
    SttEnded,
    SttServer,
)
from voicekit.soniox.server.realtime.tts import TtsServer

RAW = '"model":"stt-rt-v5","audio_format":"pcm_s16le","num_channels":1,"sample_rate":16000'
NULLS = (
    '"language_hints":null,"language_hints_strict":null,"context":null,"translation":null,'
    '"enable_speaker_diarization":false,"enable_language_identification":false,"max_endpoint_delay_ms":null,'
    '"endpoint_sensitivity":null,"endpoint_latency_adjustment_level":null,"client_reference_id":null'
)
START = '"model":"tts-rt-v2","language":"en","voice":"Maya","audio_format":"pcm_s16le","sample_rate":24000'

STT = {
    "plain": (
        [
            f'{{{RAW},"enable_endpoint_detection":true}}',
            b"\0" * 4096,
            '{"type":"keepalive"}',
            '{"type":"finalize"}',
            "",
        ],
        [Configured, AudioCame, KeptAlive, FinalizeAsked, EndAsked],
    ),
    "a keepalive before any sound, nulls, and no end": (
        [
            f'{{{RAW},"language_hints":null,"context":null,"client_reference_id":null,"max_endpoint_delay_ms":2000}}',
            '{"type":"keepalive"}',
            b"\0" * 960,
        ],
        [Configured, KeptAlive, AudioCame],
    ),
    "null for every option": ([f"{{{RAW},{NULLS}}}", b"\0" * 640, ""], [Configured, AudioCame, EndAsked]),
    "the key in the message, and silence announced": (
        [f'{{"api_key":"k",{RAW}}}', b"\0" * 640, '{"type":"finalize","trailing_silence_ms":300}'],
        [Configured, AudioCame, FinalizeAsked],
    ),
}

TTS = {
    "text and end in every message": (
        [
            f'{{"stream_id":"a",{START}}}',
            '{"stream_id":"a","text":"Hi. ","text_end":false}',
            '{"keep_alive":true}',
            '{"stream_id":"a","text":"","text_end":true}',
            '{"stream_id":"a","cancel":true}',
        ],
        [StreamStarted, TextCame, KeptAlive, TextCame, StreamOver],
    ),
    "neither where it is not needed": (
        [f'{{"stream_id":"a",{START}}}', '{"stream_id":"a","text":"Hi. "}', '{"stream_id":"a","text_end":true}'],
        [StreamStarted, TextCame, TextCame],
    ),
    "the key in each start": (
        [f'{{"stream_id":"a","api_key":"k",{START}}}', f'{{"stream_id":"b","api_key":"k",{START}}}'],
        [StreamStarted, StreamStarted],
    ),
}


@pytest.mark.parametrize("name", STT)
def test_transcription_clients_are_understood(name: str) -> None:
    """Every message means what the client meant by it, and none is refused."""
    messages, meant = STT[name]
    legacy = "api_key" in str(messages[0])
    server = SttServer(Account(["k"], legacy=legacy), None if legacy else "k", 0.0)
    events = [event for message in messages for event in server.receive(message, 0.0)]
    assert [type(event) for event in events] == meant
    assert server.outgoing() == []
    assert server.closed() == [SttEnded()]


@pytest.mark.parametrize("name", TTS)
def test_synthesis_clients_are_understood(name: str) -> None:
    """Every message means what the client meant by it, and none is refused."""
    messages, meant = TTS[name]
    legacy = "api_key" in messages[0]
    server = TtsServer(Account(["k"], legacy=legacy), None if legacy else "k", 0.0)
    told = [server.receive(message, 0.0) for message in messages]
    assert [type(events[0]) for events, kind in zip(told, meant, strict=True) if kind] == [
        kind for kind in meant if kind
    ]
    assert not any('"error' in str(message) for message in server.outgoing())
