"""`serve`: runs a site on a port until it has drained."""

from __future__ import annotations

import signal
from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Any

import trio
from hypercorn.trio import serve as serve_asgi
from starlette.routing import BaseRoute

from voicekit.call.desk import FAREWELL_S, CallAnswer
from voicekit.call.transport import ListeningTransport, Transport
from voicekit.flow.groups import alone
from voicekit_serve import limits
from voicekit_serve.asgi import build_app
from voicekit_serve.closing import SiteConfig, mend_hypercorn
from voicekit_serve.site import CallSite

if TYPE_CHECKING:
    from voicekit_serve.workers import SharedListener  # gunicorn is an optional extra


async def serve(
    answer: CallAnswer,
    *transports: Transport,
    public_url: str,
    host: str = "127.0.0.1",
    port: int = 8080,
    max_calls: int = 20,
    drain: float = limits.DRAIN_S,
    farewell: str | None = None,
    secret: str | None = None,
    metrics_token: str | None = None,
    more_metrics: Callable[[], str] = str,
    routes: Sequence[BaseRoute] = (),
    certificate: tuple[str, str] | None = None,
    shared: SharedListener | None = None,
    task_status: trio.TaskStatus[CallSite] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Answer calls until SIGINT or SIGTERM; then drain: refuse new calls, let current ones end, say `farewell` to the
    rest, and return.

    The first signal, or `site.stop()`, starts draining; the second signal cancels all calls. `certificate` holds the
    names of the files with a certificate and its key. `nursery.start` returns the site as soon as the server is
    listening. Signals are handled only in the main thread. With `shared`, several processes share the port: this one
    listens on copies of the sockets. When told to drain, it stops listening, so another process takes the next call.
    """
    mend_hypercorn()
    site = CallSite(
        answer,
        transports,
        public_url=public_url,
        max_calls=max_calls,
        secret=secret,
        host=host,
        more_metrics=more_metrics,
    )
    app = build_app(site, routes, metrics_token=metrics_token)
    over = trio.Event()
    with alone():
        async with trio.open_nursery() as nursery:
            config = _config(host, port, certificate)
            if shared is not None:
                config.bind = [f"fd://{fd}" for fd in shared.fds]
                config.graceful_timeout = drain + FAREWELL_S + 1
                config.asking = limits.ACCEPTED_S
            urls = await nursery.start(_listening, app, config, over.wait)
            site.urls = tuple(urls)
            async with trio.open_nursery() as living:
                for transport in transports:
                    if isinstance(transport, ListeningTransport):
                        await living.start(transport.listen, site)
                task_status.started(site)
                living.start_soon(site.desk.measure)
                await (_until_told(site) if shared is None else shared.told())
                if shared is None:
                    living.start_soon(_at_the_second, site, living.cancel_scope)
                else:
                    over.set()  # hypercorn closes the listener, but not yet the open connections
                    await trio.sleep(limits.ACCEPTED_S)
                await site.desk.drain(patience=drain, farewell=farewell)
                living.cancel_scope.cancel()
            if shared is not None:
                nursery.cancel_scope.deadline = trio.current_time() + limits.CLOSING_S
            over.set()  # hypercorn closes the listener and the open connections, and returns


async def _listening(
    app: Any, config: SiteConfig, over: Callable[[], Awaitable[None]], *, task_status: trio.TaskStatus[list[str]]
) -> None:
    await serve_asgi(app, config, shutdown_trigger=over, task_status=task_status, mode="asgi")


async def _until_told(site: CallSite) -> None:
    """Wait until a signal comes, or `site.stop()` is called."""
    async with trio.open_nursery() as nursery:

        async def watch_signals() -> None:
            with trio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
                async for _ in signals:
                    nursery.cancel_scope.cancel()

        nursery.start_soon(watch_signals)
        await site.stopping.wait()
        nursery.cancel_scope.cancel()


async def _at_the_second(site: CallSite, scope: trio.CancelScope) -> None:
    site.stopping = trio.Event()
    await _until_told(site)
    scope.cancel()


def _config(host: str, port: int, certificate: tuple[str, str] | None) -> SiteConfig:
    config = SiteConfig()
    config.bind = [f"{host}:{port}"]
    config.accesslog = None  # paths contain tokens
    config.errorlog = None
    config.h11_max_incomplete_size = limits.HEAD_BYTES
    config.websocket_max_message_size = limits.MESSAGE_BYTES
    config.websocket_ping_interval = limits.PING_S
    config.graceful_timeout = 1.0
    if certificate is not None:
        config.certfile, config.keyfile = certificate
    return config
