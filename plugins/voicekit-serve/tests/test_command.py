"""`voicekit serve` as a program: it listens, answers, and drains at a signal."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest
import trio
from trio_websocket import ConnectionClosed, open_websocket_url

from tests.carrier_api_kit import CarrierRules, Operation, has_basic, standing_in
from voicekit.call.tokens import LIFE_S, CallTokens
from voicekit_phone.peers import PeerSound
from voicekit_phone.twilio import TwilioPeer, signature

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
     (["--public-url", "https://bot.example"], "expected credentials for the carrier's account")],
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


async def _answers(port: int) -> None:
    async with httpx.AsyncClient() as client:
        while True:
            try:
                if (await client.get(f"http://127.0.0.1:{port}/healthz")).status_code == 200:
                    return
            except httpx.HTTPError:
                await trio.sleep(0.1)  # the other program is still starting


async def _media_path(port: int, call: str = "CA01") -> str:
    form = {**FORM, "CallSid": call}
    signed = {"x-twilio-signature": signature(TOKEN, "https://bot.example/twilio/voice", form.items())}
    async with httpx.AsyncClient() as client:
        answer = await client.post(f"http://127.0.0.1:{port}/twilio/voice", data=form, headers=signed)
    found = re.search(r'url="wss://bot\.example(/twilio/media/[^"]+)"', answer.text)
    assert found, answer.text
    return found[1]


async def _heard(port: int, path: str, call: str = "CA01") -> str:
    """How a media socket went: "sound", or the code that closed it."""
    async with open_websocket_url(f"ws://127.0.0.1:{port}{path}", connect_timeout=10) as socket:
        try:
            peer = TwilioPeer(call=call)
            for message in peer.begin():
                await socket.send_message(message)
            while not isinstance(peer.receive(await socket.get_message()), PeerSound):
                pass
            return "sound"
        except ConnectionClosed as closed:
            return str(closed.reason and closed.reason.code)
        finally:
            with trio.move_on_after(1, shield=True):
                await socket.aclose()
                await socket._stream.aclose()


async def _refused(port: int, path: str) -> int:
    """The status that a handshake is answered with."""
    asked = {"connection": "Upgrade", "upgrade": "websocket", "sec-websocket-version": "13",
             "sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ=="}  # fmt: skip
    async with httpx.AsyncClient() as client:
        return (await client.get(f"http://127.0.0.1:{port}{path}", headers=asked)).status_code


@pytest.mark.slow
async def test_a_webhook_on_one_process_and_its_socket_on_another(tmp_path: Path) -> None:
    """With one secret the other takes the token: once in each process, for its own call, not forged and not old."""
    bot = tmp_path / "bot.py"
    bot.write_text(BOT, encoding="utf-8")
    one, two, other = free_port(), free_port(), free_port()
    same = {"TWILIO_AUTH_TOKEN": TOKEN, "VOICEKIT_SECRET": "s" * 32}
    programs = [serving(bot, one, **same), serving(bot, two, **same), serving(bot, other, TWILIO_AUTH_TOKEN=TOKEN)]
    try:
        with trio.fail_after(120):
            for port in (one, two, other):
                await _answers(port)
            path = await _media_path(one)
            assert await _heard(two, path) == "sound"
            assert await _refused(two, path) == 403  # used twice in one process
            assert await _heard(one, path) == "sound"  # but once in each process
            assert await _refused(one, path) == 403
            assert await _heard(two, await _media_path(one, "CA02"), "CA03") == "1008"  # made for another call
            assert await _refused(two, "/twilio/media/abc.def") == 403
            assert await _refused(other, await _media_path(one, "CA04")) == 403  # made with another secret
            expired = CallTokens("s" * 32).mint("CA05", {}, time.time() - LIFE_S - 1)
            assert await _refused(two, f"/twilio/media/{expired}") == 403
    finally:
        for program in programs:
            program.kill()
            program.wait()
            program.stderr.close()  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("transport", "environ", "sentence"),
    [
        ("twilio", {}, "expected VOICEKIT_SECRET in the environment"),
        ("twilio", {"VOICEKIT_SECRET": "s" * 32}, "the local server can serve only one process"),
        ("audiosocket", {"VOICEKIT_SECRET": "s" * 32, "VOICEKIT_ASTERISK_KEY": "k" * 32}, "opens its own listener"),
    ],
)
def test_what_several_processes_can_not_share_is_one_sentence(
    tmp_path: Path, transport: str, environ: dict[str, str], sentence: str
) -> None:
    """Nothing listens, and the status is not 0."""
    bot = tmp_path / "bot.py"
    bot.write_text(BOT if transport == "audiosocket" else BOT.replace("stt = None\n", ""), encoding="utf-8")
    command = [sys.executable, "-m", "voicekit", "serve", str(bot), "--transport", transport, "--workers", "2"]
    env = {name: value for name, value in os.environ.items() if name != "SONIOX_API_KEY"}
    done = subprocess.run(
        [*command, "--public-url", "https://bot.example", "--port", str(free_port())],
        env=env | {"TWILIO_AUTH_TOKEN": TOKEN} | environ,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode != 0
    assert sentence in done.stderr, done.stderr
    assert "Traceback" not in done.stderr
