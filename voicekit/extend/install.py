"""Explains why a plugin is missing, and which command installs it (from the checkout, if there is one)."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote, urlsplit

if TYPE_CHECKING:
    from voicekit.extend.facade import Plugins

OFFERS: Final[dict[str, dict[str, tuple[str, ...]]]] = {
    "voicekit-anthropic": {"handler": ("anthropic",)},
    "voicekit-asterisk": {"transport": ("ari", "audiosocket", "chan_websocket")},
    "voicekit-browser": {"transport": ("browser",)},
    "voicekit-device": {"source": ("microphone",), "sink": ("speaker",), "verb": ("devices", "talk")},
    "voicekit-echo": {"handler": ("echo",)},
    "voicekit-local": {"verb": ("demo", "local-server")},
    "voicekit-mcp": {"verb": ("mcp",)},
    "voicekit-openai": {"handler": ("openai",)},
    "voicekit-phone": {
        "transport": tuple(
            "cloudonix exotel genesys jambonz plivo signalwire telnyx twilio vobiz vonage".split()  # noqa: SIM905
        ),
    },
    "voicekit-scenes": {"verb": ("scenes",)},
    "voicekit-serve": {"verb": ("call", "serve")},
    "voicekit-silero": {"vad": ("confirmed", "silero")},
    "voicekit-smart-turn": {},
}
"""What each of voicekit's own distributions adds, by role. This is all that the core knows about the names of its
plugins.
"""


def brought_by(kind: str, name: str) -> str | None:
    """The voicekit distribution that provides the part or command `name`, or None. `kind` is a role or "verb"."""
    return next((one for one, offer in OFFERS.items() if name in offer.get(kind, ())), None)


def how_to_install(distribution: str) -> str:
    """The end of a sentence that begins with the distribution's name: how to install the distribution."""
    return f"which is not installed: {install_command(distribution)}"


def install_command(distribution: str) -> str:
    """The command that installs `distribution`, such as "voicekit-local": from the checkout if there is one.

    The checkout is the current folder, the folder of the running voicekit, or the folder from which it was installed.
    """
    python = _short(Path(sys.executable))
    for checkout in _checkouts():
        plugin = checkout / "plugins" / distribution
        if (plugin / "pyproject.toml").is_file():
            return f"{python} -m pip install {_short(plugin)}"
    return f"{python} -m pip install {distribution}"


def why_missing(distribution: str, plugins: Plugins) -> str:
    """The end of a sentence about a missing part or command: why the plugin in `distribution` does not provide it, and
    what to do.
    """
    name = distribution.removeprefix("voicekit-")
    for info in plugins.listing():
        if info.name == name and info.blocked:
            return f"comes with the plugin {name!r}, which is blocked: see VOICEKIT_BLOCK"
    if name in plugins.failures:
        return f"comes with the plugin {name!r}, which is broken: {plugins.failures[name]}"
    return f"comes with {distribution}, {how_to_install(distribution)}"


def _checkouts() -> Iterator[Path]:
    yield Path.cwd()
    yield Path(__file__).parents[2]
    origin = _installed_from()
    if origin is not None:
        yield origin


def _installed_from() -> Path | None:
    """The folder that voicekit was installed from, if the installer recorded it."""
    from importlib.metadata import PackageNotFoundError, distribution

    try:
        written = distribution("voicekit").read_text("direct_url.json")
    except PackageNotFoundError:
        return None
    url = urlsplit(json.loads(written)["url"]) if written else None
    return Path(unquote(url.path)) if url is not None and url.scheme == "file" else None


def _short(path: Path) -> str:
    """`path` as you would type it in the current folder."""
    here = Path.cwd()
    shown = f"./{path.relative_to(here)}" if path.is_relative_to(here) else str(path)
    return f"'{shown}'" if " " in shown else shown
