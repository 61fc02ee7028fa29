"""Whatever a client sends, the service answers, and in one of its own shapes."""

from __future__ import annotations

import json
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.protocol.rest_rig import FORM, KEY, Rig, form
from voicekit.soniox.rest.schema.requests import KeyRequest, SpeechRequest, TranscriptionRequest
from voicekit.soniox.server.rest.refusal import REST_CODES
from voicekit.soniox.server.rest.server import Begun, Dropped, FileKept, RestRequest, Speak

ROUTES = [(route.method, route.path.replace("{id}", "x")) for route in Rig().server.routes]
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
FIELDS = sorted({name for kind in (TranscriptionRequest, SpeechRequest, KeyRequest) for name in kind.__struct_fields__})
GOOD = {"model": "stt-async-v5", "audio_url": "https://x.test/", "usage_type": "tts_rt", "expires_in_seconds": 5,
        "language": "en", "voice": "Adrian", "audio_format": "wav", "text": "Hello."}  # fmt: skip
BODIES = st.one_of(
    st.binary(max_size=200),
    st.builds(lambda some: json.dumps({**GOOD, **some}).encode(), st.dictionaries(st.sampled_from(FIELDS), JSON)),
    st.builds(lambda data, name: form(data, name), st.binary(max_size=50), st.sampled_from(["a", "", 'a"b', "ü\n"])),
)
TARGETS = st.one_of(
    st.sampled_from(ROUTES),
    st.tuples(st.sampled_from(["GET", "POST", "DELETE", "PATCH"]), st.text(max_size=30).map(lambda text: f"/{text}")),
)


@pytest.mark.slow
@given(
    TARGETS,
    st.text(max_size=30),
    BODIES,
    st.sampled_from([FORM, "application/json", "", "multipart/form-data"]),
    st.lists(st.integers(0, 300), max_size=4),
    st.sampled_from([KEY, KEY, "wrong", ""]),
)
def test_there_is_an_answer_to_anything(
    target: tuple[str, str], query: str, body: bytes, kind: str, cuts: list[int], key: str
) -> None:
    """Any method, address, query and body leads to an answer of the service, or to speech; nothing is half-kept."""
    server = Rig().server
    headers = {"authorization": f"Bearer {key}", "content-type": kind}
    exchange = server.begin(RestRequest(target[0], f"{target[1]}?{query}", headers), 0.0)
    places = [0, *sorted(cuts), len(body)]
    effects = [
        effect for start, end in pairwise(places) for effect in exchange.receive(body[start:end], 0.0)
    ] + exchange.end(0.0)
    if exchange.answer is None:
        assert [type(effect) for effect in effects] == [Speak]
        return
    begun = [effect.id for effect in effects if isinstance(effect, Begun)]
    assert begun == [effect.id for effect in effects if isinstance(effect, Dropped | FileKept)]
    if exchange.answer.status >= 400:
        said = json.loads(exchange.answer.body)
        assert (
            REST_CODES[said["error_type"]] == exchange.answer.status == said.get("status_code", said.get("error_code"))
        )
        assert said["request_id"]
