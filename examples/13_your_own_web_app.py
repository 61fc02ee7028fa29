"""A bot on your own page: voicekit is mounted in a Starlette app that has a login.

    VOICEKIT_SECRET=... python examples/13_your_own_web_app.py

Then open http://localhost:8000/ as the user ann with the password sesame. The page is 20 lines of HTML and JavaScript.
Only a visitor who has logged in gets a token, which is valid for one call. You need voicekit-browser and
voicekit-serve, and without SONIOX_API_KEY you also need voicekit-local.
"""

from __future__ import annotations

import base64
import os
import secrets
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from hmac import compare_digest

import trio
from hypercorn.config import Config
from hypercorn.trio import serve
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response
from starlette.routing import Mount, Route

from voicekit import Bot, Say, Turn, load_plugins
from voicekit.call.connection import Call
from voicekit.call.desk import CallAnswer, Conversation
from voicekit_browser import mint_token
from voicekit_browser.transport import Browser
from voicekit_serve.asgi import build_app
from voicekit_serve.bots import answering
from voicekit_serve.site import CallSite

SECRET = os.environ.get("VOICEKIT_SECRET") or secrets.token_urlsafe(32)
USERS = {"ann": "sesame"}  # in your app, use your own database

PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8"><title>Our shop</title>
<h1>Our shop</h1>
<button id="talk">Ask about your order</button>
<p id="you"></p>
<p id="bot" aria-live="polite"></p>
<script type="module">
  import { talk } from "/voice/browser/voicekit.js";
  const show = (id, text) => { document.getElementById(id).textContent = text; };
  const token = () => fetch("/token", { method: "POST" }).then((answer) => answer.text());
  document.getElementById("talk").onclick = async () => {
    try {
      const call = await talk({ token });
      call.on("turn", ({ text }) => show("you", text));
      call.on("ended", ({ heard }) => show("bot", heard));
      call.on("end", ({ reason }) => show("bot", `The call is over: ${reason}.`));
    } catch (error) { show("bot", error.message); }
  };
</script>
</html>"""


async def clerk(turn: Turn, say: Say) -> None:
    """The bot. In a call from your page, `turn.session.call.info.caller` is the name of the user who has logged in."""
    await say(f"About {turn.text or 'what'}? Your order is on its way.")


def user(headers: Mapping[str, str]) -> str | None:
    """The name of the user who has logged in, or None. This example uses HTTP Basic; your app may use a cookie."""
    kind, _, given = headers.get("authorization", "").partition(" ")
    try:
        name, _, password = base64.b64decode(given, validate=True).decode().partition(":")
    except ValueError:
        return None
    known = compare_digest(password.encode(), USERS.get(name, "").encode()) and name in USERS
    return name if kind.lower() == "basic" and known else None


async def page(request: Request) -> Response:
    if user(request.headers) is None:
        return PlainTextResponse("log in", 401, {"www-authenticate": 'Basic realm="shop"'})
    return HTMLResponse(PAGE)


async def token(request: Request) -> Response:
    name = user(request.headers)
    if name is None:
        return PlainTextResponse("log in", 401)
    return PlainTextResponse(mint_token(SECRET, caller=name))


def make_app(answer: CallAnswer, address: str) -> Starlette:
    """The app that is served at `address`. Each of its calls is passed to `answer`."""
    site = CallSite(answer, [Browser(tokens=True)], public_url=f"{address}/voice", secret=SECRET)

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        async with site.open():
            yield

    routes = [Route("/", page), Route("/token", token, methods=["POST"]), Mount("/voice", build_app(site))]
    return Starlette(routes=routes, lifespan=lifespan)


async def main(port: int = 8000) -> None:
    config = Config()
    config.bind = [f"127.0.0.1:{port}"]
    async with answering(Bot(clerk, greeting="Hello! How can I help?"), load_plugins(), print) as ready:

        async def answer(call: Call) -> Conversation | None:
            return await ready(call)

        await serve(make_app(answer, f"http://localhost:{port}"), config)  # type: ignore[arg-type]  # an ASGI app


if __name__ == "__main__":
    trio.run(main)
