"""A web server that gives browsers and mobile apps short-lived keys, each for one stream. The main key stays secret.

    SONIOX_API_KEY=... python examples/07_keys_for_browsers.py 8000
    curl -X POST -H "Authorization: Bearer let me in" http://127.0.0.1:8000/key

In your own web framework you need only the steps of `reply_to`: check the user, ask the key desk, return its answer.
These steps must run under trio, because the Soniox client does. So use a web framework on trio, or run trio in a
separate thread next to asyncio.
"""

import hmac
import sys
from collections.abc import Sequence
from contextlib import suppress
from functools import partial

import h11
import trio

from voicekit.soniox.rest import KeyDesk, KeyRequest, SonioxClient

USERS = {"let me in": "ann", "me too": "bob"}  # replace this with your own check: a cookie, a signed token, a login
LIMITS = KeyRequest(
    usage_type="transcribe_websocket",
    expires_in_seconds=60,  # the stream must begin within a minute
    single_use=True,  # the key is good for one stream
    max_session_duration_seconds=600,  # the stream lasts at most ten minutes
)


async def reply_to(desk: KeyDesk, request: h11.Request) -> tuple[int, Sequence[tuple[str, str]], bytes]:
    headers = dict(request.headers)
    user = who(headers.get(b"authorization", b"").removeprefix(b"Bearer ").decode("latin-1"))
    if user is None or request.target != b"/key":
        return 404, (), b""
    reply = await desk.answer(request.method.decode(), client=user)
    return reply.status, reply.headers, reply.body


def who(token: str) -> str | None:
    return next((user for known, user in USERS.items() if hmac.compare_digest(known.encode(), token.encode())), None)


async def serve(desk: KeyDesk, stream: trio.SocketStream) -> None:
    http = h11.Connection(h11.SERVER)
    with trio.move_on_after(30), suppress(h11.RemoteProtocolError, trio.BrokenResourceError):
        while (event := http.next_event()) is h11.NEED_DATA:
            http.receive_data(await stream.receive_some(65536))
        if isinstance(event, h11.Request):
            status, headers, body = await reply_to(desk, event)
            headers = [*headers, ("content-length", str(len(body))), ("connection", "close")]
            answer = http.send(h11.Response(status_code=status, headers=headers)) + http.send(h11.Data(data=body))
            await stream.send_all(answer + http.send(h11.EndOfMessage()))


async def main(port: int) -> None:
    async with SonioxClient() as soniox, trio.open_nursery() as nursery:
        listeners = await nursery.start(
            partial(trio.serve_tcp, partial(serve, KeyDesk(soniox, LIMITS)), port, host="127.0.0.1")
        )
        print(f"http://127.0.0.1:{listeners[0].socket.getsockname()[1]}/key", flush=True)


if __name__ == "__main__":
    try:
        trio.run(main, int(sys.argv[1]) if len(sys.argv) > 1 else 8000)
    except* KeyboardInterrupt:
        print("closed")
