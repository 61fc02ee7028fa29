"""Signatures: what the carriers' own SDKs sign is let in, and nothing else is. The SDKs are the oracles."""

from __future__ import annotations

import hashlib
import hmac
import json
import time
import warnings
from base64 import b64encode
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from voicekit_phone import genesys, plivo, telnyx, twilio, vonage

TOKEN = "12345"
URL = "https://bot.example/voice/hook"
FORM = {"CallSid": "CA1234567890ABCDE", "Caller": "+14158675310", "Digits": "1234", "From": "+14158675310"}


def sdk(module: str, name: str) -> Any:
    """`name` of a vendor's package. Skips, by name, where that is not installed."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the vendor's warnings are not ours to fix
        return getattr(
            pytest.importorskip(module, reason=f"needs the vendor's package {module.partition('.')[0]}"), name
        )


class Fields(dict[str, list[str]]):
    """A form as web frameworks hand it to the SDK."""

    def getlist(self, name: str) -> list[str]:
        return self[name]


WORDS = st.text(st.characters(codec="utf-8", exclude_categories=("Cs", "Cc")), min_size=1, max_size=12)


@settings(max_examples=60)
@given(st.dictionaries(WORDS, st.lists(WORDS, min_size=1, max_size=3), max_size=5), WORDS)
def test_twilio_signs_as_its_sdk_does(form: dict[str, list[str]], token: str) -> None:
    """Any form, with keys that come more than once, has the SDK's signature."""
    validator = sdk("twilio.request_validator", "RequestValidator")(token)
    theirs = validator.compute_signature(URL, Fields(form))
    ours = twilio.signature(token, URL, [(name, value) for name, values in form.items() for value in values])
    assert ours == theirs
    fields = [(name, value) for name, values in form.items() for value in values]
    assert twilio.is_signed(token, theirs, URL, fields)


@pytest.mark.parametrize(
    ("change", "in_"),
    [
        ({}, True),
        ({"url": URL.replace("bot.example", "bot.example:443")}, True),
        ({"url": URL + "/"}, False),
        ({"url": URL.replace("https", "http")}, False),
        ({"url": "https://evil.example/voice/hook"}, False),
        ({"token": "54321"}, False),
        ({"header": ""}, False),
        ({"header": "é"}, False),
        ({"form": {**FORM, "From": "+1"}}, False),
        ({"form": {**FORM, "More": "1"}}, False),
        ({"form": {}}, False),
    ],
    ids=str,
)
def test_twilios_requests_are_let_in_or_refused(change: dict[str, Any], in_: bool) -> None:
    """Another address, token, form or header is refused; the port that Twilio may leave out is not."""
    header = twilio.signature(TOKEN, URL, FORM.items())
    asked = {"token": TOKEN, "header": header, "url": URL, "form": FORM} | change
    assert twilio.is_signed(asked["token"], asked["header"], asked["url"], asked["form"].items()) is in_


def test_twilios_upgrade_is_signed_over_the_wss_address() -> None:
    """The handshake of a stream has no form, and its address is the one in the TwiML."""
    header = twilio.signature(TOKEN, "wss://bot.example/media/tw/abc")
    assert twilio.is_signed(TOKEN, header, "wss://bot.example/media/tw/abc")
    assert not twilio.is_signed(TOKEN, header, "https://bot.example/media/tw/abc")


def test_twilios_body_that_is_no_form_is_covered_by_its_hash() -> None:
    """A JSON body is let in with its sha256 in the query, and refused when it was changed or has none."""
    body = b'{"a":1}'
    url = f"{URL}?bodySHA256={hashlib.sha256(body).hexdigest()}"
    validator = sdk("twilio.request_validator", "RequestValidator")(TOKEN)
    header = validator.compute_signature(url, {})
    assert validator.validate(url, body.decode(), header)
    assert twilio.is_signed(TOKEN, header, url, body=body)
    assert not twilio.is_signed(TOKEN, header, url, body=b'{"a":2}')
    assert not twilio.is_signed(TOKEN, twilio.signature(TOKEN, URL), URL, body=body)


PLAIN = st.from_regex(r"[A-Za-z0-9]{1,8}", fullmatch=True)


@settings(max_examples=60)
@given(st.dictionaries(PLAIN, PLAIN, max_size=4), st.sampled_from(["GET", "POST"]), st.sampled_from(["", "?b=2&a=1"]))
def test_plivo_signs_as_its_sdk_does(form: dict[str, str], method: str, query: str) -> None:
    """GET and POST, with and without a query, have the SDK's signature of version 3."""
    validate = sdk("plivo.utils.signature_v3", "validate_v3_signature")
    fields = form if method == "POST" else {}
    ours = plivo.signature(TOKEN, "n0nce", method, URL + query, fields.items())
    assert validate(method, URL + query, "n0nce", TOKEN, ours, fields)
    assert plivo.is_signed(TOKEN, f"other,{ours}", "n0nce", method, URL + query, fields.items())
    assert not plivo.is_signed(TOKEN, ours, "other", method, URL + query, fields.items())
    assert not plivo.is_signed("54321", ours, "n0nce", method, URL + query, fields.items())


def test_telnyx_is_believed_for_five_minutes() -> None:
    """A body signed with the account's key is let in; changed, stale, unsigned or badly encoded ones are not."""
    ed25519 = pytest.importorskip("cryptography.hazmat.primitives.asymmetric.ed25519")
    key = ed25519.Ed25519PrivateKey.generate()
    public = b64encode(key.public_key().public_bytes_raw()).decode()
    body = b'{"data":{"event_type":"call.initiated"}}'
    signed = b64encode(key.sign(b"1700000000|" + body)).decode()
    assert telnyx.is_signed(public, signed, "1700000000", body, 1_700_000_010)
    assert not telnyx.is_signed(public, signed, "1700000000", body, 1_700_000_301)
    assert not telnyx.is_signed(public, signed, "1700000000", body, 1_699_999_000)
    assert not telnyx.is_signed(public, signed, "1700000001", body, 1_700_000_010)
    assert not telnyx.is_signed(public, signed, "1700000000", body + b" ", 1_700_000_010)
    assert not telnyx.is_signed(public, "!", "1700000000", body, 1_700_000_010)
    assert not telnyx.is_signed(public, "", "yesterday", body, 1_700_000_010)


def test_telnyx_is_read_as_its_sdk_reads_it() -> None:
    """What Telnyx's own package lets in, we let in."""
    ed25519 = pytest.importorskip("cryptography.hazmat.primitives.asymmetric.ed25519")
    client = sdk("telnyx", "Telnyx")
    key = ed25519.Ed25519PrivateKey.generate()
    public = b64encode(key.public_key().public_bytes_raw()).decode()
    body = b'{"data":{"event_type":"call.initiated","id":"1","record_type":"event","payload":{}}}'
    stamp = str(int(time.time()))  # the SDK compares it with the time of day
    signature = b64encode(key.sign(stamp.encode() + b"|" + body)).decode()
    headers = {"telnyx-signature-ed25519": signature, "telnyx-timestamp": stamp}
    client(api_key="k", public_key=public).webhooks.unwrap(body.decode(), headers=headers)
    assert telnyx.is_signed(public, signature, stamp, body, float(stamp))


def test_vonage_signs_as_its_sdk_does() -> None:
    """A token of ours passes Vonage's own check, and one of the SDK's kind passes ours."""
    verify = sdk("vonage_jwt", "verify_signature")
    token = vonage.token("s" * 32, {"iat": 1_700_000_000, "jti": "1", "api_key": "k"})
    assert verify(token, "s" * 32)
    assert vonage.claims_of("s" * 32, f"Bearer {token}", b"", 1_700_000_001)


@pytest.mark.parametrize(
    ("claims", "body", "in_"),
    [
        ({}, b"{}", True),
        ({"iat": 1_700_000_000 - 400}, b"{}", False),
        ({"iat": "soon"}, b"{}", False),
        ({"payload_hash": "00"}, b"{}", False),
        ({}, b"{ }", False),
        ({"api_key": "other"}, b"{}", False),
        ({"exp": 1_699_999_999}, b"{}", False),
    ],
    ids=str,
)
def test_vonages_webhooks_are_let_in_or_refused(claims: dict[str, Any], body: bytes, in_: bool) -> None:
    """The hash of the body, the age and the account count, not the signature alone."""
    full = {
        "iat": 1_700_000_000,
        "jti": "1",
        "api_key": "k",
        "payload_hash": hashlib.sha256(b"{}").hexdigest(),
    } | claims
    token = vonage.token("secret", full)
    found = vonage.claims_of("secret", f"Bearer {token}", body, 1_700_000_010, api_key="k")
    assert (found is not None) is in_
    assert vonage.claims_of("other", f"Bearer {token}", body, 1_700_000_010) is None


@pytest.mark.parametrize("token", ["", "Bearer ", "a.b.c", "Bearer a.b", "é.é.é", "....", "eyJhbGciOiJub25lIn0.e30."])
def test_a_token_that_is_none_is_refused(token: str) -> None:
    """Whatever stands in the header, the answer is no, and no exception."""
    assert vonage.claims_of("secret", token, b"", 1_700_000_000) is None


def test_a_token_without_an_algorithm_is_refused() -> None:
    """`alg: none` and other algorithms don't get in, even with a signature that fits."""
    head = vonage.encoded(json.dumps({"alg": "none"}).encode())
    said = vonage.encoded(json.dumps({"iat": 1_700_000_000}).encode())
    made = vonage.encoded(hmac.new(b"secret", f"{head}.{said}".encode(), hashlib.sha256).digest())
    assert vonage.claims_of("secret", f"{head}.{said}.{made}", b"", 1_700_000_000) is None


SECRET = b64encode(b"client secret of sixteen").decode()
HEADERS = {
    "host": "bot.example",
    "audiohook-organization-id": "o1",
    "audiohook-session-id": "5d0c",
    "audiohook-correlation-id": "c1",
    "x-api-key": "key-1",
}


def signed_upgrade(**change: str) -> dict[str, str]:
    headers = dict(HEADERS)
    genesys.sign(SECRET, headers, "/media/genesys", created=1_700_000_000, nonce="n" * 22)
    return headers | change


def test_a_signed_upgrade_of_genesys_is_let_in_once_its_nonce_is_new() -> None:
    """The nonce is handed on, so that the caller can refuse it a second time."""
    assert genesys.is_signed(SECRET, signed_upgrade(), "/media/genesys", 1_700_000_003) == "n" * 22


@pytest.mark.parametrize(
    ("change", "target", "now"),
    [
        ({}, "/media/other", 1_700_000_003),
        ({}, "/media/genesys", 1_700_000_011),
        ({}, "/media/genesys", 1_699_999_980),
        ({"host": "evil.example"}, "/media/genesys", 1_700_000_003),
        ({"audiohook-organization-id": "o2"}, "/media/genesys", 1_700_000_003),
        ({"x-api-key": "key-2"}, "/media/genesys", 1_700_000_003),
        ({"signature": ""}, "/media/genesys", 1_700_000_003),
        ({"signature": "sig1=:!!:"}, "/media/genesys", 1_700_000_003),
        ({"signature-input": ""}, "/media/genesys", 1_700_000_003),
        ({"signature-input": 'sig1=("@authority");created=1700000000'}, "/media/genesys", 1_700_000_003),
    ],
    ids=str,
)
def test_other_upgrades_of_genesys_are_refused(change: dict[str, str], target: str, now: float) -> None:
    """Another path, host, organization, key, age or signature."""
    assert genesys.is_signed(SECRET, signed_upgrade(**change), target, now) is None


def test_the_base_of_a_genesys_signature_is_that_of_rfc_9421() -> None:
    """Name and value of each component on a line, the parameters last: written out once, by hand."""
    base = genesys.signature_base(
        HEADERS, "/a?b=1", ("@request-target", "@authority"), '("@request-target" "@authority")'
    )
    assert base.decode() == (
        '"@request-target": /a?b=1\n"@authority": bot.example\n"@signature-params": ("@request-target" "@authority")'
    )
