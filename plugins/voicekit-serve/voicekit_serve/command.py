"""`voicekit serve BOT --transport twilio --public-url https://...`: answer many calls."""

from __future__ import annotations

import importlib.util
import logging
import os
import sys
from argparse import Namespace
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import trio

from voicekit.cli.bot import find_bot, plugins_beside
from voicekit.cli.spec import read_part
from voicekit.cli.terminal import Parser
from voicekit.errors import ConfigError
from voicekit.extend import Plugins, Registry, Use
from voicekit.flow.groups import alone
from voicekit_serve import limits
from voicekit_serve.bots import answering, check_shareable, with_greeting
from voicekit_serve.logs import FORMAT, WORKERS_FORMAT, CallNumber
from voicekit_serve.server import serve
from voicekit_serve.site import LOOPBACK

if TYPE_CHECKING:
    from voicekit_serve.workers import SharedListener

SECRET = "VOICEKIT_SECRET"
METRICS_TOKEN = "VOICEKIT_METRICS_TOKEN"
PAGE_PASSWORD = "VOICEKIT_PAGE_PASSWORD"


def main(arguments: Sequence[str]) -> int:
    """Serve until a signal. Returns 0 after draining."""
    parser = Parser(prog="voicekit serve", description="answer calls with a bot, over one or more carriers")
    parser.add_argument("bot", metavar="BOT", help="a Python file with a handler, or the name of a registered handler")
    spec = "a carrier, such as twilio; may be repeated"
    parser.add_argument("--transport", metavar="NAME[,OPTION=VALUE...]", action="append", required=True, help=spec)
    parser.add_argument(
        "--public-url",
        help="address at which carriers reach this server, such as https://bot.example (default: --host with --port)",
    )
    parser.add_argument("--host", default="127.0.0.1", help="the address to listen on (127.0.0.1)")
    parser.add_argument("--port", type=int, default=8080, help="the port to listen on (8080)")
    parser.add_argument(
        "--max-calls",
        type=int,
        default=20,
        help="maximum number of calls at a time; further callers get a busy signal (20)",
    )
    drain = f"seconds for which calls may continue after the first signal to stop ({limits.DRAIN_S:g})"
    parser.add_argument("--drain", type=float, default=limits.DRAIN_S, help=drain)
    parser.add_argument(
        "--farewell", metavar="TEXT", help="what the bot says in calls that are still running after --drain"
    )
    parser.add_argument("--greeting", metavar="TEXT", help="the bot's first words")
    password = (
        f"password for calls from the browser page; prefer {PAGE_PASSWORD}, because other users can see command lines"
    )
    parser.add_argument("--page-password", metavar="TEXT", help=password)
    parser.add_argument("--record", metavar="FOLDER", type=Path, help="record each call, in a new folder inside FOLDER")
    workers = "number of processes, run by gunicorn (1: this process only, without gunicorn)"
    parser.add_argument("--workers", type=int, default=1, metavar="N", help=workers)
    silent = "replace a worker whose event loop has been stuck for this many seconds (30)"
    parser.add_argument("--timeout", type=float, default=30.0, help=silent)
    options = parser.parse_args(arguments)
    for name in ("max_calls", "workers"):
        if getattr(options, name) < 1:
            raise ConfigError(f"--{name.replace('_', '-')}: expected 1 or more, got {getattr(options, name)}")
    to_stderr = logging.StreamHandler(sys.stderr)
    to_stderr.addFilter(CallNumber())
    logging.basicConfig(
        level=logging.INFO, format=WORKERS_FORMAT if options.workers > 1 else FORMAT, handlers=[to_stderr]
    )
    if options.record is not None:
        options.record.mkdir(parents=True, exist_ok=True, mode=0o700)
    if options.workers > 1:
        return _serve_by_workers(options)
    trio.run(_program(options), None)
    return 0


def _serve_by_workers(options: Namespace) -> int:
    """Run the master process. Each worker imports the bot itself, so a reload uses the bot's new code."""
    if importlib.util.find_spec("gunicorn") is None:
        raise ConfigError("--workers: several processes need gunicorn: pip install 'voicekit-serve[workers]'")
    if SECRET not in os.environ:
        raise ConfigError(
            f"--workers: expected {SECRET} in the environment, because a call's socket may reach a "
            "different process than its webhook"
        )
    from voicekit_serve.workers import Workers

    bind = f"{options.host}:{options.port}"
    Workers(
        partial(_program, options),
        bind=bind,
        workers=options.workers,
        drain=options.drain,
        timeout=options.timeout,
    ).run()
    return 0


def _program(options: Namespace) -> Callable[[SharedListener | None], Awaitable[None]]:
    """Import the bot, build the transports, and return a function that serves until it has drained."""
    url = options.public_url or _own_url(options)
    plugins = plugins_beside(options.bot)
    bot = with_greeting(find_bot(options.bot, plugins), options.greeting)
    transports = [_transport(spec, plugins.registry, options.page_password) for spec in options.transport]
    if options.workers > 1:
        check_shareable(transports, bot.spoken(plugins.registry), plugins.registry)

    async def run(shared: SharedListener | None) -> None:
        serving = partial(
            serve,
            public_url=url,
            host=options.host,
            port=options.port,
            max_calls=options.max_calls,
            drain=options.drain,
            farewell=options.farewell,
            secret=os.environ.get(SECRET),
            metrics_token=os.environ.get(METRICS_TOKEN),
            more_metrics=_more_metrics(plugins),
            shared=shared,
        )
        async with answering(bot, plugins, _tell, options.record) as answer:
            with alone():
                async with trio.open_nursery() as nursery:
                    await nursery.start(partial(serving, answer, *transports))
                    _tell(f"listening on {options.host}:{options.port} for {url}")

    return run


def _more_metrics(plugins: Plugins) -> Callable[[], str]:
    """The metrics of the plugin voicekit-metrics, if it is loaded."""
    if not any(plugin.name == "metrics" and plugin.hooks for plugin in plugins.listing()):
        return str
    metrics: Callable[[], str] = import_module("voicekit_metrics").exposition
    return metrics


def _own_url(options: Namespace) -> str:
    """The address of a server that only this computer uses, with `localhost` in it for browsers."""
    host = "localhost" if options.host in LOOPBACK else options.host
    return f"http://{host}:{options.port}"


def _transport(spec: str, registry: Registry, page_password: str | None) -> Any:
    use = read_part(spec, "transport", registry)
    if page_password is not None and use.name == "browser":
        use = Use(use.name, **{"password": page_password, **use.options})
    return use.build(registry, "transport")


def _tell(line: str) -> None:
    print(f"voicekit: {line}", file=sys.stderr, flush=True)
