"""Addresses and keys."""

from __future__ import annotations

import pytest

from voicekit.errors import ConfigError
from voicekit.soniox.api.region import ApiKey, Endpoints, region_of


@pytest.mark.parametrize(
    ("region", "infix"), [("us", ""), ("eu", ".eu"), ("jp", ".jp"), ("EU", ".eu"), (None, "")]
)  # fmt: skip
def test_a_region_has_its_hosts(region: str | None, infix: str) -> None:
    """The region stands between the service's name and the domain, and the United States have none."""
    assert Endpoints.find(region, environ={}) == Endpoints(
        rest=f"https://api{infix}.soniox.com",
        stt=f"wss://stt-rt{infix}.soniox.com/transcribe-websocket",
        tts=f"wss://tts-rt{infix}.soniox.com/tts-websocket",
        tts_rest=f"https://tts-rt{infix}.soniox.com",
    )


@pytest.mark.parametrize("region", ["us", "eu", "jp"])
def test_a_host_names_its_region(region: str) -> None:
    """All four addresses of a region do, and no other address does."""
    found = Endpoints.find(region, environ={})
    assert {region_of(url) for url in (found.rest, found.stt, found.tts, found.tts_rest)} == {region}
    others = (
        "ws://127.0.0.1:1/stt",
        "wss://soniox.com/",
        "wss://stt-rt.eu.soniox.com.example/",
        "wss://x.mars.soniox.com/",
    )
    assert {region_of(url) for url in others} == {None}


def test_an_argument_goes_before_a_variable_and_that_before_the_region() -> None:
    """Each address can be replaced by itself; a trailing /v1 or slash of a REST base is no part of it."""
    environ = {
        "SONIOX_REGION": "jp",
        "SONIOX_WS_URL": "ws://127.0.0.1:1/stt",
        "SONIOX_API_BASE_URL": "http://127.0.0.1:1/v1/",
    }
    found = Endpoints.find(stt="ws://127.0.0.1:2/stt", environ=environ)
    assert found.stt == "ws://127.0.0.1:2/stt"
    assert found.rest == "http://127.0.0.1:1"
    assert found.tts == "wss://tts-rt.jp.soniox.com/tts-websocket"


def test_a_wrong_region_or_scheme_is_a_config_error() -> None:
    """The message says what was expected and what came."""
    with pytest.raises(ConfigError, match="expected one of us, eu, jp, got 'mars'"):
        Endpoints.find("mars", environ={})
    with pytest.raises(ConfigError, match=r"'stt'.*ws://.*got 'https://x'"):
        Endpoints.find(stt="https://x", environ={})


def test_a_key_comes_from_the_argument_or_the_environment() -> None:
    """The argument goes first; with neither, the error names the variable."""
    environ = {"SONIOX_API_KEY": "from-environment"}
    assert ApiKey.find(environ=environ).headers() == [("Authorization", "Bearer from-environment")]
    assert ApiKey.find("given", environ=environ).headers() == [("Authorization", "Bearer given")]
    with pytest.raises(ConfigError, match="SONIOX_API_KEY"):
        ApiKey.find(environ={})


def test_a_key_never_shows_itself() -> None:
    """Neither repr, nor str, nor an error about the key repeats it, and redact takes it out of a text."""
    key = ApiKey("s3cret")
    assert "s3cret" not in repr(key) + str(key)
    assert key.redact("Incorrect API key: s3cret!") == "Incorrect API key: [key]!"
    for broken in ("s3cret\n", '"s3cret "', "s3crét"):
        with pytest.raises(ConfigError) as caught:
            ApiKey(broken)
        assert "s3cr" not in str(caught.value)


def test_a_key_as_subprotocol_must_be_a_token() -> None:
    """Browsers send the key as the second subprotocol; a temporary key of the old form can't be one."""
    assert ApiKey("snx_temp_1").subprotocols() == ["soniox-api-key", "snx_temp_1"]
    with pytest.raises(ConfigError) as caught:
        ApiKey("temp:1").subprotocols()
    assert "temp:1" not in str(caught.value)
