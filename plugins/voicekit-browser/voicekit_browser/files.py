"""The page's files. They need no build step, and load nothing from other servers."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

STATIC: Final = Path(__file__).with_name("static")

TYPES: Final = {
    ".html": "text/html",
    ".css": "text/css",
    ".js": "text/javascript",
    ".ts": "text/plain",
    ".svg": "image/svg+xml",
}


def static_files() -> Mapping[str, tuple[str, str]]:
    """The text and the content type of each file, by file name."""
    return {path.name: (path.read_text(encoding="utf-8"), TYPES[path.suffix]) for path in sorted(STATIC.iterdir())}


def headers(home: str) -> dict[str, str]:
    """The HTTP headers for every file of the page at the address `home`."""
    netloc = urlsplit(home).netloc
    policy = {
        "default-src": "'none'",
        "script-src": "'self'",
        "style-src": "'self'",
        "img-src": "'self' data:",
        "media-src": "'self' blob: mediastream:",
        "worker-src": "'self'",
        "connect-src": f"'self' ws://{netloc} wss://{netloc}",  # in some browsers, 'self' does not include websockets
        "base-uri": "'none'",
        "form-action": "'none'",
        "frame-ancestors": "'none'",
    }
    return {
        "content-security-policy": "; ".join(f"{name} {value}" for name, value in policy.items()),
        "x-content-type-options": "nosniff",
        "referrer-policy": "no-referrer",
        "permissions-policy": "microphone=(self), camera=(), geolocation=()",
        "cross-origin-opener-policy": "same-origin",
        "access-control-allow-origin": "*",  # pages from other origins may import the client module
        "cache-control": "no-cache",
    }
