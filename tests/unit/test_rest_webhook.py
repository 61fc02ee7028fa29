"""The receiving end of webhooks: only the service is believed, and what is done is told from what is not."""

from __future__ import annotations

import hmac

import pytest
import trio
from trio.testing import MockClock

from tests.unit.rest_kit import talking
from voicekit.errors import ConfigError, RemoteProtocolError, Unauthenticated
from voicekit.soniox.rest import TranscriptionRequest, WebhookReceiver
from voicekit.soniox.rest import webhook as module
from voicekit.soniox.rest.webhook import WebhookCall
from voicekit.testing.soniox.rest import Outcome, RestPeer

SECRET = "a secret between us"
PROOF = {"X-Soniox-Webhook-Secret": SECRET}
BODY = b'{"id": "t-1", "status": "completed", "more": [1]}'


@pytest.fixture
def receiver() -> WebhookReceiver:
    return WebhookReceiver(SECRET)


@pytest.mark.parametrize("fails", [False, True])
async def test_it_reads_what_the_service_sends(autojump_clock: MockClock, fails: bool) -> None:
    """A call made by the service's own role, for success as for failure, is understood."""
    receiver = WebhookReceiver(SECRET, "X-Proof")
    peer = RestPeer(outcomes={"": Outcome(error=("internal_error", "No.") if fails else None)})
    request = TranscriptionRequest(
        audio_url="https://example.test/a.wav",
        webhook_url="https://example.test/hook",
        webhook_auth_header_name=receiver.header,
        webhook_auth_header_value=SECRET,
    )
    async with talking(peer) as soniox:
        made = await soniox.transcriptions.create(request)
        await trio.sleep(60)
        assert (await soniox.transcriptions.get(made.id)).done
    call = receiver.receive(peer.notified[0].headers, peer.notified[0].body)
    assert (call.id, call.status, call.again) == (made.id, "error" if fails else "completed", False)


def test_a_retry_of_what_is_done_is_told(receiver: WebhookReceiver) -> None:
    """Once a call is done, the same one is marked so; another transcription, or the other status, is not."""
    receiver.done(receiver.receive(PROOF, BODY))
    assert [receiver.receive(PROOF, BODY).again for _ in range(2)] == [True, True]
    assert not receiver.receive(PROOF, b'{"id": "t-1", "status": "error"}').again
    assert not receiver.receive(PROOF, b'{"id": "t-2", "status": "completed"}').again


def test_what_failed_is_tried_again(receiver: WebhookReceiver) -> None:
    """When the work for a call fails, so that it is answered with a 500, the retry is handled as the first one was."""
    worked: list[str] = []
    troubles = iter([OSError("the database is away"), None, None])

    def handle() -> int:
        call = receiver.receive(PROOF, BODY)
        try:
            if not call.again:
                if (trouble := next(troubles)) is not None:
                    raise trouble
                worked.append(call.id)
                receiver.done(call)
        except OSError:
            return 500
        return 204

    assert [handle() for _ in range(3)] == [500, 204, 204]
    assert worked == ["t-1"]


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"X-Soniox-Webhook-Secret": ""},
        {"X-Soniox-Webhook-Secret": "another"},
        {"X-Soniox-Webhook-Secret": f"{SECRET}x"},
        {"X-Other": SECRET},
        [("X-Soniox-Webhook-Secret", SECRET), ("x-soniox-webhook-secret", "another")],
    ],
)
def test_nobody_else_is_believed(receiver: WebhookReceiver, headers: dict[str, str]) -> None:
    """A missing, wrong, longer, or doubled header is refused without showing the secret, and leaves no memory."""
    with pytest.raises(Unauthenticated) as refused:
        receiver.receive(headers, BODY)
    assert SECRET not in str(refused.value)
    assert not receiver.receive({"x-soniox-webhook-SECRET": SECRET}, BODY).again


def test_the_secret_is_compared_in_constant_time(receiver: WebhookReceiver, monkeypatch: pytest.MonkeyPatch) -> None:
    """The comparison is that of the standard library which takes as long for a near miss as for a far one."""
    compared: list[tuple[bytes, bytes]] = []
    real = hmac.compare_digest
    monkeypatch.setattr(module.hmac, "compare_digest", lambda *both: compared.append(both) or real(*both))
    receiver.receive(PROOF, BODY)
    assert compared == [(SECRET.encode(), SECRET.encode())]


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'{"id": "t"}', b'{"id": "t", "status": "queued"}', bytes(70_000)])
def test_another_body_is_refused(receiver: WebhookReceiver, body: bytes) -> None:
    """What is not the service's message, or too long for it, is an error even with the right header."""
    with pytest.raises(RemoteProtocolError, match="webhook"):
        receiver.receive(PROOF, body)


def test_what_it_remembers_has_an_end(receiver: WebhookReceiver) -> None:
    """Only the last ten thousand calls are remembered, so a receiver that runs for years does not grow."""
    receiver.done(receiver.receive(PROOF, BODY))
    for number in range(module.REMEMBERED):
        receiver.done(WebhookCall(f"other-{number}", "completed", again=False))
    assert not receiver.receive(PROOF, BODY).again


def test_secret_and_header_come_from_the_environment() -> None:
    """Both are found under the names that the vendor's client uses; without a secret nobody could be believed."""
    environ = {"SONIOX_API_WEBHOOK_SECRET": SECRET, "SONIOX_API_WEBHOOK_HEADER": "X-Mine"}
    assert WebhookReceiver.find(environ=environ).receive({"x-mine": SECRET}, BODY).id == "t-1"
    assert WebhookReceiver.find(SECRET, environ={}).header == "X-Soniox-Webhook-Secret"
    with pytest.raises(ConfigError, match="SONIOX_API_WEBHOOK_SECRET"):
        WebhookReceiver.find(environ={})
