"""TLS: contexts, and streams that write without waiting.

Each context is made only once, and in a thread, since reading the certificates takes up to 60 ms. trio's SSLStream
locks and lets other tasks run for each message; a `PromptTls` encrypts a message and hands it to the system at once.
"""

from __future__ import annotations

import ssl
import threading
from collections.abc import Callable
from contextlib import suppress

import trio

from voicekit.flow.threads import in_thread
from voicekit.soniox.connection.tcp import RECEIVE_BYTES, PromptStream

_contexts: dict[Callable[[], ssl.SSLContext], ssl.SSLContext] = {}
_making = threading.Lock()


async def tls_context(make: Callable[[], ssl.SSLContext] | None = None) -> ssl.SSLContext:
    """Return the context that `make()` creates; `make` is called only once. The default context trusts the system's
    certificates."""
    make = make or ssl.create_default_context
    if make not in _contexts:
        await in_thread(_add, make)
    return _contexts[make]


def _add(make: Callable[[], ssl.SSLContext]) -> None:
    with _making:
        if make not in _contexts:
            _contexts[make] = make()


class PromptTls(trio.abc.Stream):
    """The client's side of TLS over `stream`. The standard library encrypts and checks the peer's certificate for
    `host`.

    One task may receive while another sends. If the peer asks for another handshake, which TLS 1.3 does not have, the
    connection counts as broken.
    """

    def __init__(self, stream: PromptStream, context: ssl.SSLContext, host: str) -> None:
        self._stream = stream
        self._in, self._out = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._in, self._out, server_hostname=host)

    async def do_handshake(self) -> None:
        """Raises ssl.SSLError if the handshake fails, and trio.BrokenResourceError if the connection is lost."""
        while True:
            try:
                self._tls.do_handshake()
            except ssl.SSLWantReadError:
                await self._stream.send_all(self._out.read())
                await self._fill()
            except ssl.SSLError:
                with suppress(trio.BrokenResourceError):  # tell the peer why
                    await self._stream.send_all(self._out.read())
                raise
            else:
                return await self._stream.send_all(self._out.read())

    def send_now(self, data: bytes) -> bool:
        """See `PromptStream.send_now`."""
        self._encrypt(data)
        return self._stream.send_now(self._out.read())

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        self._encrypt(data)
        await self._stream.send_all(self._out.read())

    async def wait_send_all_might_not_block(self) -> None:
        await self._stream.wait_send_all_might_not_block()

    async def receive_some(self, max_bytes: int | None = None) -> bytes:
        while True:
            try:
                return self._tls.read(max_bytes or RECEIVE_BYTES)
            except ssl.SSLWantReadError:
                await self._fill()
            except (ssl.SSLZeroReturnError, ssl.SSLEOFError):  # many servers end without TLS's own goodbye
                return b""
            except ssl.SSLError as error:
                raise trio.BrokenResourceError(str(error)) from error

    async def aclose(self) -> None:
        await self._stream.aclose()

    def _encrypt(self, data: bytes | bytearray | memoryview) -> None:
        if not data:
            return
        try:
            self._tls.write(data)
        except ssl.SSLError as error:
            raise trio.BrokenResourceError(str(error)) from error

    async def _fill(self) -> None:
        """Wait for more data from the peer."""
        data = await self._stream.receive_some(RECEIVE_BYTES)
        if data:
            self._in.write(data)
        else:
            self._in.write_eof()
