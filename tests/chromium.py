"""A headless Chromium, driven over the DevTools protocol: no driver package, and a microphone that plays a file.

    async with open_chromium(microphone="caller.wav") as chromium:
        page = await chromium.open_page("http://localhost:8080/")
        await page.click("#talk")
        await page.until("document.title === 'done'")

What a page writes to its console as an error or a warning, and what it throws, is in `page.complaints`.
"""

from __future__ import annotations

import base64
import json
import shutil
import subprocess
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import trio
from trio_websocket import ConnectionClosed, WebSocketConnection, open_websocket_url

EXECUTABLES = ("chromium", "chromium-browser", "google-chrome")

STARTS_S = 60.0
ANSWERS_S = 60.0
"""For a busy machine; a page that hangs fails by this."""

FLAGS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-default-apps",
    "--disable-dev-shm-usage",
    "--hide-scrollbars",
    "--autoplay-policy=no-user-gesture-required",
    "--use-fake-device-for-media-stream",
    "--remote-debugging-port=0",
)

KEYS = {
    " ": ("Space", 32, " "),
    "Enter": ("Enter", 13, "\r"),
    "Tab": ("Tab", 9, ""),
    "Escape": ("Escape", 27, ""),
}
"""By their DOM names: the code, Windows' number, and the text that they enter."""


class PageError(Exception):
    """A script in the page has thrown."""


class ChromiumPage:
    """One tab."""

    def __init__(self, socket: WebSocketConnection) -> None:
        self.complaints: list[str] = []
        self._socket = socket
        self._asked = 0
        self._answers: dict[int, Any] = {}
        self._changed = trio.lowlevel.ParkingLot()

    async def read(self) -> None:
        """Take what Chromium sends, for ever."""
        while True:
            try:
                message = json.loads(await self._socket.get_message())
            except ConnectionClosed:
                return
            if "id" in message:
                self._answers[message["id"]] = message
                self._changed.unpark_all()
            else:
                self._note(message["method"], message["params"])

    def _note(self, method: str, params: Any) -> None:
        if method == "Runtime.exceptionThrown":
            details = params["exceptionDetails"]
            self.complaints.append(details.get("exception", {}).get("description", details["text"]))
        elif method == "Runtime.consoleAPICalled" and params["type"] in ("error", "warning", "assert"):
            self.complaints.append(" ".join(str(arg.get("value", arg.get("description"))) for arg in params["args"]))
        elif method == "Log.entryAdded" and params["entry"]["level"] in ("error", "warning"):
            self.complaints.append(f"{params['entry']['text']} {params['entry'].get('url', '')}")

    async def ask(self, method: str, **params: Any) -> Any:
        """A command of the DevTools protocol, and its result."""
        self._asked += 1
        number = self._asked
        with trio.fail_after(ANSWERS_S):
            await self._socket.send_message(json.dumps({"id": number, "method": method, "params": params}))
            while number not in self._answers:
                await self._changed.park()
        answer = self._answers.pop(number)
        if "error" in answer:
            raise PageError(f"{method}: {answer['error']['message']}")
        return answer["result"]

    async def run(self, script: str) -> Any:
        """The value of an expression, awaited; a thrown error is PageError."""
        found = await self.ask(
            "Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True, userGesture=True
        )
        if "exceptionDetails" in found:
            details = found["exceptionDetails"]
            raise PageError(details.get("exception", {}).get("description", details["text"]))
        return found["result"].get("value")

    async def until(self, condition: str, seconds: float = 30.0) -> None:
        """Wait until the expression is true. TooSlowError names it."""
        with trio.move_on_after(seconds):
            while not await self.run(f"Boolean({condition})"):  # noqa: ASYNC110  # of no event that DevTools has
                await trio.sleep(0.02)
            return
        raise trio.TooSlowError(f"not within {seconds:g} s: {condition}")

    async def click(self, selector: str) -> None:
        await self.run(f"document.querySelector({selector!r}).click()")

    async def press(self, key: str, *, down: bool = True, up: bool = True) -> None:
        """A key of the keyboard, as a person presses it: the page's focus decides what it does."""
        code, number, text = KEYS.get(key) or (f"Key{key.upper()}", ord(key.upper()), key)
        how = {"key": key, "code": code, "windowsVirtualKeyCode": number}
        if down:
            more = {"text": text} if text else {}
            await self.ask("Input.dispatchKeyEvent", type="keyDown" if text else "rawKeyDown", **how, **more)
        if up:
            await self.ask("Input.dispatchKeyEvent", type="keyUp", **how)

    async def text(self, selector: str) -> str:
        return str(await self.run(f"document.querySelector({selector!r})?.textContent ?? ''"))

    async def size(self, width: int, height: int, *, dark: bool = False) -> None:
        await self.ask(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=width < 600,
        )
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        await self.ask("Emulation.setEmulatedMedia", features=[scheme])

    async def picture(self, path: Path) -> None:
        """A PNG of what is visible."""
        shot = await self.ask("Page.captureScreenshot", format="png")
        await trio.Path(path).write_bytes(base64.b64decode(shot["data"]))


class Chromium:
    """A running browser."""

    def __init__(self, address: str, nursery: trio.Nursery) -> None:
        self._address = address
        self._nursery = nursery

    async def open_page(self, url: str, *, before: str = "", permissions: tuple[str, ...] = ("audioCapture",)) -> Any:
        """A new tab at `url`; `before` runs in it ahead of every script of its own."""
        async with httpx.AsyncClient() as client:
            target = (await client.put(f"{self._address}/json/new?about:blank", timeout=ANSWERS_S)).json()
        page = await self._nursery.start(_attached, target["webSocketDebuggerUrl"])
        for domain in ("Page", "Runtime", "Log", "Network"):
            await page.ask(f"{domain}.enable")
        await page.ask("Page.addScriptToEvaluateOnNewDocument", source=before)
        await page.ask("Emulation.setFocusEmulationEnabled", enabled=True)  # every tab gets keys, like the one in front
        origin = "/".join(url.split("/")[:3])
        await page.ask("Browser.grantPermissions", origin=origin, permissions=list(permissions))
        await page.ask("Page.navigate", url=url)
        await page.until(f"document.readyState === 'complete' && location.href.startsWith({origin!r})")
        return page


async def _attached(url: str, *, task_status: trio.TaskStatus[ChromiumPage]) -> None:
    async with open_websocket_url(url, max_message_size=1 << 28, connect_timeout=ANSWERS_S) as socket:
        page = ChromiumPage(socket)
        task_status.started(page)
        await page.read()


async def _port(file: trio.Path) -> str:
    """Where it listens, once it has written that down."""
    while not await file.exists() or "\n" not in (text := await file.read_text()):  # noqa: ASYNC110
        await trio.sleep(0.05)
    return text.split()[0]


async def _answering(address: str) -> None:
    """The port is written down a moment before it is listened on."""
    async with httpx.AsyncClient() as client:
        for _ in range(200):
            try:
                await client.get(f"{address}/json/version", timeout=ANSWERS_S)
            except httpx.ConnectError:
                await trio.sleep(0.1)
            else:
                return


def chromium_path() -> str | None:
    return next((found for name in EXECUTABLES if (found := shutil.which(name))), None)


@asynccontextmanager
async def open_chromium(
    *, microphone: Path | None = None, loop: bool = False, flags: tuple[str, ...] = ()
) -> AsyncIterator[Chromium]:
    """A browser with a profile of its own, killed at the end. `microphone` is a WAV file, from getUserMedia on."""
    path = chromium_path()
    assert path is not None, "needs the Debian package chromium"
    more = [*flags]
    if microphone is not None:
        more.append(f"--use-file-for-fake-audio-capture={microphone}{'' if loop else '%noloop'}")
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        command = [path, *FLAGS, *more, f"--user-data-dir={profile}", "about:blank"]
        process = await trio.lowlevel.open_process(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            with trio.fail_after(STARTS_S):
                number = await _port(trio.Path(profile, "DevToolsActivePort"))
            address = f"http://127.0.0.1:{number}"
            await _answering(address)
            async with trio.open_nursery() as nursery:
                yield Chromium(address, nursery)
                nursery.cancel_scope.cancel()
        finally:
            process.kill()
            with trio.CancelScope(shield=True):
                await process.wait()
