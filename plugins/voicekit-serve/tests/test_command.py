"""`voicekit serve` as a program: it listens, answers, and drains at a signal."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import httpx
import pytest
import trio

from tests.carrier_api_kit import CarrierRules, Operation, has_basic, standing_in
from voicekit_phone.twilio import signature

BOT = "stt = None\nvad = None\ntts = 'quiet'\ngreeting = 'Hello.'\n\n\ndef bot(turn):\n    return 'Yes?'\n"
TOKEN = "twilio-secret-token"
FORM = {"CallSid": "CA01", "From": "+15550001111", "To": "+15550002222"}


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


def serving(bot: Path, port: int, **environ: str) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "voicekit", "serve", str(bot), "--transport", "twilio"]
    command += ["--public-url", "https://bot.example", "--port", str(port), "--drain", "0.2"]
    env = {name: value for name, value in os.environ.items() if name != "TWILIO_AUTH_TOKEN"} | environ
    return subprocess.Popen(command, env=env, stderr=subprocess.PIPE)


async def test_it_answers_a_signed_webhook_and_drains_at_a_signal(tmp_path: Path) -> None:
    """Alive, a token for a signed webhook, 403 for another, and exit status 0 after SIGTERM."""
    bot = tmp_path / "bot.py"
    bot.write_text(BOT, encoding="utf-8")
    port = free_port()
    process = serving(bot, port, TWILIO_AUTH_TOKEN=TOKEN)
    try:
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client:
            with trio.fail_after(60):
                while True:
                    try:
                        assert (await client.get("/healthz")).status_code == 200
                        break
                    except httpx.ConnectError:
                        assert process.poll() is None
                        await trio.sleep(0.05)
            signed = {"x-twilio-signature": signature(TOKEN, "https://bot.example/twilio/voice", FORM.items())}
            answer = await client.post("/twilio/voice", data=FORM, headers=signed)
            assert "wss://bot.example/twilio/media/" in answer.text
            assert (await client.post("/twilio/voice", data=FORM)).status_code == 403
        process.send_signal(signal.SIGTERM)
        _, shown = await trio.to_thread.run_sync(lambda: process.communicate(timeout=30))
    finally:
        process.kill()
        process.wait()
    assert process.returncode == 0, shown.decode()
    assert not any(secret in shown.decode() for secret in (TOKEN, *FORM.values()))


@pytest.mark.parametrize(("environ", "said"), [({}, "TWILIO_AUTH_TOKEN")])
def test_a_missing_secret_is_one_line_before_anything_is_served(
    tmp_path: Path, environ: dict[str, str], said: str
) -> None:
    """Status 2 and the variable's name."""
    bot = tmp_path / "bot.py"
    bot.write_text(BOT, encoding="utf-8")
    process = serving(bot, free_port(), **environ)
    _, shown = process.communicate(timeout=60)
    assert process.returncode == 2
    assert said in shown.decode().splitlines()[-1]
    assert "Traceback" not in shown.decode()


CALLED_BOT = BOT.replace("def bot(turn):", "def bot(turn):\n    turn.end()")


def started(command: list[str]) -> subprocess.Popen[bytes]:
    return subprocess.Popen(command, env=os.environ | {"TWILIO_AUTH_TOKEN": TOKEN}, stderr=subprocess.PIPE)


async def test_it_calls_out_and_says_how_it_ended(tmp_path: Path) -> None:
    """`voicekit call` dials at a stand-in for Twilio, which reports that the line is busy: status 1, and no number."""
    bot = tmp_path / "bot.py"
    bot.write_text(CALLED_BOT, encoding="utf-8")
    port, to = free_port(), "+15550009999"
    dial = Operation(
        "POST",
        r"/2010-04-01/Accounts/AC1/Calls\.json",
        "form",
        {"To": to, "From": FORM["To"], "Url": "https://bot.example/twilio/voice"},
        frozenset({"Timeout", "StatusCallback", "StatusCallbackEvent"}),
        201,
        {"sid": "CA77"},
    )
    rules = CarrierRules("twilio", (dial,), has_basic("AC1", TOKEN))
    async with standing_in(rules) as (api, api_url):
        command = [sys.executable, "-m", "voicekit", "call", to, "--bot", str(bot)]
        command += ["--transport", f"twilio,account=AC1,number={FORM['To']},api={api_url}"]
        command += ["--public-url", "https://bot.example", "--port", str(port)]
        process = started(command)
        try:
            with trio.fail_after(60):
                while not api.asked:
                    assert process.poll() is None
                    await trio.sleep(0.05)
            news = {"CallSid": "CA77", "CallStatus": "busy"}
            signed = {"x-twilio-signature": signature(TOKEN, "https://bot.example/twilio/news", news.items())}
            async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client:
                assert (await client.post("/twilio/news", data=news, headers=signed)).status_code == 200
            _, shown = await trio.to_thread.run_sync(lambda: process.communicate(timeout=30))
        finally:
            process.kill()
            process.wait()
    assert process.returncode == 1, shown.decode()
    assert "the call ended: busy" in shown.decode()
    assert not any(secret in shown.decode() for secret in (TOKEN, to, "CA77", FORM["To"]))


@pytest.mark.parametrize(
    ("more", "said"),
    [([], "--public-url or VOICEKIT_PUBLIC_URL"),
     (["--public-url", "https://bot.example"], "expected the carrier's account")],
)  # fmt: skip
def test_a_call_out_that_can_not_be_is_one_line(tmp_path: Path, more: list[str], said: str) -> None:
    """Status 2, what is missing, and no traceback."""
    bot = tmp_path / "bot.py"
    bot.write_text(BOT, encoding="utf-8")
    command = [sys.executable, "-m", "voicekit", "call", "+15550001", "--bot", str(bot), "--transport", "twilio", *more]
    unset = ("TWILIO_ACCOUNT_SID", "VOICEKIT_PUBLIC_URL")
    env = {name: value for name, value in os.environ.items() if name not in unset} | {"TWILIO_AUTH_TOKEN": TOKEN}
    done = subprocess.run(
        [*command, "--port", str(free_port())], env=env, stderr=subprocess.PIPE, timeout=60, check=False
    )
    assert done.returncode == 2, done.stderr.decode()
    assert said in done.stderr.decode()
    assert "Traceback" not in done.stderr.decode()
