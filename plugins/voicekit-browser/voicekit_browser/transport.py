"""The browser as a transport of a server: the page and its files, the socket, the password, and RTVI.

GET  /                         the page           GET /browser/NAME      its files, and the client for pages of your own
GET  /browser/door             {"door": "open" | "password" | "tokens"}
POST /browser/token            {"password": ...} -> {"token": ...}, or 403
GET  /browser/socket           `voicekit.v1`; a session starts only after a valid first message
GET  /rtvi                     RTVI, see `voicekit_browser.rtvi`
"""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final

import trio

from voicekit.audio.format import AudioFormat
from voicekit.call.connection import GOODBYE_S
from voicekit.call.desk import CallRefused
from voicekit.call.info import CallInfo, Known
from voicekit.call.tokens import CallFacts, TokenRefused
from voicekit.call.transport import Route, Site, SocketRoute, Upgrade, Webhook, WebhookAnswer, WebhookRoute
from voicekit.call.wire import MessageStream, StreamClosed
from voicekit.errors import ConfigError, RemoteProtocolError
from voicekit_browser import wire
from voicekit_browser.call import REFUSED, PageCall
from voicekit_browser.doors import Door, door_for
from voicekit_browser.files import headers, static_files
from voicekit_browser.rtvi.transport import rtvi_route
from voicekit_browser.wire import SUBPROTOCOL, PageEvent, PageResume, PageStart, PageWire

START_S: Final = 5.0
"""Seconds within which a socket must begin or resume a call."""

WAITING: Final = 64
"""The number of sockets that may be open without having begun or resumed a call; more are refused with 503."""

SPOKEN_RATE: Final = 24_000
"""The sample rate of the bot's audio, in Hz. Most voices use this rate."""

NO_TOKEN, GONE, LATE, BUSY = 4401, 4404, 4408, 4413
"""The close codes of a socket on which no call begins: the token is not valid, the call is not in this process, no
message came in time, or there is no place for another call.
"""

PASSWORD: Final = "VOICEKIT_PAGE_PASSWORD"


class Browser:
    """The transport for the page and its socket. Each server needs its own Browser object.

    The page asks for `password` (or VOICEKIT_PAGE_PASSWORD). With `tokens`, your own backend makes a token for each
    call (`mint_token`), and `origins` are the origins of its pages. `details` shows information for developers on the
    page; it is off by default with `tokens`, because the callers are then usually not developers.
    """

    name = "browser"

    def __init__(
        self,
        password: str | None = None,
        *,
        tokens: bool = False,
        origins: str | Sequence[str] = (),
        details: bool | None = None,
        rate: int = SPOKEN_RATE,
    ) -> None:
        if rate not in (8000, 16_000, 24_000, 48_000):
            raise ConfigError(f"transport browser: expected a rate of 8000, 16000, 24000 or 48000 Hz, got {rate}")
        self._password = os.environ.get(PASSWORD, "") if password is None else password
        self._tokens = tokens
        self._origins = origins.split() if isinstance(origins, str) else list(origins)
        self._details = details
        self._spoken = AudioFormat(rate)

    def routes(self, site: Site) -> Sequence[Route]:
        door = door_for(site, password=self._password, tokens=self._tokens, origins=self._origins)
        details = self._details if self._details is not None else door.kind != "tokens"
        lobby = Lobby(site, door, self._spoken, details)
        safe, files = headers(door.home), static_files()
        page, kind = files["index.html"]

        async def give_token(request: Webhook) -> WebhookAnswer:
            with suppress(ValueError, TypeError, AttributeError):
                token = door.buys(str(json.loads(request.body).get("password", "")), site)
                if token is not None:
                    return WebhookAnswer(json.dumps({"token": token}), "application/json", headers=safe)
            return WebhookAnswer("that is not the password", status=403, headers=safe)

        return [
            WebhookRoute("/", _answers(page, kind, safe), ("GET",)),
            *(
                WebhookRoute(f"/browser/{name}", _answers(text, kind, safe), ("GET",))
                for name, (text, kind) in files.items()
            ),
            WebhookRoute(
                "/browser/door", _answers(json.dumps({"door": door.kind}), "application/json", safe), ("GET",)
            ),
            WebhookRoute("/browser/token", give_token),
            SocketRoute("/browser/socket", lobby.receive),
            rtvi_route(site, door, self._spoken, details=details),
        ]


def _answers(text: str, kind: str, safe: dict[str, str]) -> Callable[[Webhook], Awaitable[WebhookAnswer]]:
    answer = WebhookAnswer(text, kind, headers=safe)

    async def give(request: Webhook) -> WebhookAnswer:
        return answer

    return give


@dataclass(slots=True)
class Lobby:
    """Connects each new socket to a new call, or to the call in this process that the socket continues."""

    site: Site
    door: Door
    spoken: AudioFormat
    details: bool
    process: str = field(default_factory=lambda: secrets.token_urlsafe(6))
    calls: dict[str, PageCall] = field(default_factory=dict)
    _waiting: int = 0

    async def receive(self, upgrade: Upgrade) -> None:
        """Serve one socket until it ends."""
        if self.door.is_foreign(upgrade.headers):
            await upgrade.refuse(403)
        elif self._waiting >= WAITING:
            await upgrade.refuse(503)
        else:
            await self._let_in(upgrade)

    async def _let_in(self, upgrade: Upgrade) -> None:
        self._waiting += 1
        try:
            stream, page = await upgrade.accept(SUBPROTOCOL), PageWire()
            first = await _first(stream, page)
        finally:
            self._waiting -= 1
        if isinstance(first, PageStart):
            await self._begin(first, stream, page)
        elif isinstance(first, PageResume):
            await self._resume(first, stream, page)
        elif first is not None:
            await _close(stream, REFUSED)

    async def _begin(self, start: PageStart, stream: MessageStream, page: PageWire) -> None:
        try:
            facts = self.door.enter(start.token, self.site)
        except TokenRefused:
            await _close(stream, NO_TOKEN)
            return
        call = PageCall(_info(facts), self.spoken, resume=self._token(), details=self.details)
        self.calls[call.resume_token] = call
        try:
            await self.site.hold_call("browser", call.open(stream, page))
        except CallRefused:
            call.source.close()
            await _close(stream, BUSY)
        finally:
            del self.calls[call.resume_token]

    async def _resume(self, resume: PageResume, stream: MessageStream, page: PageWire) -> None:
        call = self.calls.get(resume.token)
        if call is None or call.end is not None:
            with suppress(StreamClosed), trio.move_on_after(GOODBYE_S):
                await stream.send(wire.gone())
            await _close(stream, GONE)
            return
        await call.resume(stream, page, resume.spot)

    def _token(self) -> str:
        """A token to resume a call. It starts with the name of this process, which the call's sockets must reach."""
        return f"{self.process}.{secrets.token_urlsafe(24)}"


async def _first(stream: MessageStream, page: PageWire) -> PageEvent | None:
    """The first message of a socket; None if the socket was closed because no valid message came in time."""
    code = LATE
    with trio.move_on_after(START_S):
        try:
            return page.receive(await stream.receive())
        except RemoteProtocolError:
            code = REFUSED
        except StreamClosed:
            return None
    await _close(stream, code)
    return None


async def _close(stream: MessageStream, code: int) -> None:
    with trio.move_on_after(GOODBYE_S, shield=True):
        await stream.close(code)


def _info(facts: CallFacts | None) -> CallInfo:
    if facts is None:
        return CallInfo("browser", Known(secrets.token_urlsafe(9)))
    known = {name: Known(value, "signed") for name, value in facts.facts.items()}
    return CallInfo("browser", Known(facts.call_id, "signed"), caller=known.pop("caller", None), parameters=known)
