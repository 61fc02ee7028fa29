"""Keys and limits that connections share."""

from __future__ import annotations

import pytest

from voicekit.soniox.server.account import Account, Key, Service, StreamUse, handshake_key
from voicekit.soniox.server.refusal import CODES, Refusal, invalid


@pytest.mark.parametrize(
    ("authorization", "subprotocols", "key"),
    [
        ("Bearer abc", (), "abc"),
        ("bearer  abc ", (), "abc"),
        (None, ("soniox-api-key", "abc"), "abc"),
        ("Bearer abc", ("soniox-api-key", "def"), "abc"),
        ("Basic abc", (), None),
        ("Bearer ", (), None),
        (None, ("abc",), None),
        (None, ("other", "abc"), None),
        (None, (), None),
    ],
)
def test_a_key_is_found_in_the_handshake(authorization: str | None, subprotocols: tuple[str, ...], key: str) -> None:
    """In the Authorization header, or as the second subprotocol after "soniox-api-key"."""
    assert handshake_key(authorization, subprotocols) == key


def test_with_no_keys_any_key_will_do_but_none_will_not() -> None:
    """A local server needs no list of keys; a client that forgot its key still learns of it."""
    account = Account()
    assert isinstance(account.authenticate("anything", Service.STT, 0.0), Key)
    missing = account.authenticate(None, Service.STT, 0.0)
    assert isinstance(missing, Refusal)
    assert "Missing API key" in missing.message


def test_a_temporary_key_has_a_scope_and_an_end() -> None:
    """Good for its own service and until it expires; running sessions are not its business."""
    account = Account(["main"])
    account.add(Key("tmp", Service.TTS, expires_at=10.0))
    assert isinstance(account.authenticate("tmp", Service.TTS, 9.9), Key)
    assert isinstance(account.authenticate("main", Service.STT, 1e9), Key)
    for service, now in ((Service.STT, 0.0), (Service.TTS, 10.0)):
        refusal = account.authenticate("tmp", service, now)
        assert isinstance(refusal, Refusal)
        assert refusal.message == "Invalid or expired temporary API key."


def test_requests_are_counted_by_the_minute() -> None:
    """The hundred and first within a minute is refused, and after a minute there is room again."""
    account, key = Account(sessions=1_000), Key("k")
    for number in range(100):
        assert account.begin(key, Service.STT, number * 0.5) is None
        account.end(StreamUse(Service.STT, "", "", 0.0, 0.0, 0, 0.0))
    refusal = account.begin(key, Service.STT, 59.9)
    assert refusal == Refusal(
        "limit_exceeded", "Requests per minute limit for speech-to-text has been exceeded for your project."
    )
    assert account.begin(key, Service.TTS, 59.9) is None
    assert account.begin(key, Service.STT, 60.0) is None


def test_a_key_shows_itself_nowhere() -> None:
    """Not in the repr, nor in a refusal."""
    account = Account(["hush"])
    assert "hush" not in repr(Key("hush"))
    wrong = account.authenticate("hush2", Service.STT, 0.0)
    assert isinstance(wrong, Refusal)
    assert "hush" not in wrong.message


def test_request_ids_differ_and_repeat_from_run_to_run() -> None:
    """They look like the service's and are numbered, so that a run can be compared with another."""
    one, two = Account(), Account()
    ids = [one.request_id(), one.request_id()]
    assert ids == [two.request_id(), two.request_id()]
    assert len({*ids}) == 2
    assert all(len(request_id) == 36 for request_id in ids)


def test_a_refusal_has_the_services_number() -> None:
    """Type and number belong together, and a type that the service does not have can't be sent."""
    fields = invalid("No.").fields("r")
    assert (fields["error_code"], fields["error_type"], fields["error_message"]) == (400, "invalid_request", "No.")
    assert all(400 <= code < 600 for code in CODES.values())
    with pytest.raises(ValueError, match="expected one of"):
        Refusal("bad_mood", "No.")
