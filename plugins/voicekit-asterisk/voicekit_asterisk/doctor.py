"""This plugin's checks in `voicekit doctor`: whether the configured Asterisk answers and supports everything that we
need.

An Asterisk is configured if VOICEKIT_ARI_PASSWORD is set; VOICEKIT_ARI_URL is the address of its HTTP server.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

import httpx

from voicekit_asterisk.ari_transport import PASSWORD, USER

URL: Final = "VOICEKIT_ARI_URL"
DEFAULT_URL: Final = "http://127.0.0.1:8088"
ASK_S: Final = 3.0

NEEDED: Final = {
    "chan_websocket.so": "media on websockets: the transports chan_websocket and ari",
    "res_ari_channels.so": "ARI: the transport ari",
    "app_audiosocket.so": "the transport audiosocket",
    "func_curl.so": "announcing calls to the transport audiosocket",
}
"""The modules of Asterisk that we need, each with the feature that is missing without it."""

OLDEST: Final[Mapping[int, tuple[int, int]]] = {20: (20, 18), 21: (21, 13), 22: (22, 8), 23: (23, 2)}
"""For each branch, the first version whose chan_websocket has JSON, v(...) and none of the early faults."""

Finding = tuple[bool, str, str]


def examine() -> list[Finding]:
    """For each check: whether it passed, what was found, and the remedy. If no Asterisk is configured, there are no
    checks.
    """
    password = os.environ.get(PASSWORD)
    if not password:
        return []
    address = os.environ.get(URL, DEFAULT_URL).rstrip("/")
    try:
        with httpx.Client(auth=(os.environ.get(USER) or "voicekit", password), timeout=ASK_S, trust_env=False) as http:
            info = http.get(f"{address}/ari/asterisk/info")
            modules = http.get(f"{address}/ari/asterisk/modules")
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        remedy = f"start Asterisk, set enabled=yes in http.conf and ari.conf, or correct {URL}"
        return [(False, f"no Asterisk answers at {_without_user(address)} ({type(error).__name__})", remedy)]
    if info.status_code == 401:
        return [(False, "Asterisk refuses the user or password", f"set {USER} and {PASSWORD} to those of ari.conf")]
    if info.is_error or modules.is_error:
        return [(False, f"ARI answers with {info.status_code}", "set enabled=yes in ari.conf, and load res_ari")]
    return findings(info.json(), modules.json())


def findings(info: Any, modules: Any) -> list[Finding]:
    """The findings, from Asterisk's own answers (pure)."""
    system = info.get("system") if isinstance(info, dict) else None
    version = str(system.get("version", "")) if isinstance(system, dict) else ""
    running = {
        each.get("name") for each in _objects(modules) if str(each.get("status", "Running")).lower() == "running"
    }
    lacking = [(name, what) for name, what in NEEDED.items() if name not in running]
    return [
        (True, f"Asterisk {version or 'of an unknown version'} answers", "")
        if is_new_enough(version)
        else (False, f"Asterisk {version} has an early chan_websocket", f"upgrade to {_wanted(version)} or later"),
        *((False, f"{name} is not loaded ({what})", f"load it: module load {name}") for name, what in lacking),
    ]


def is_new_enough(version: str) -> bool:
    """Whether we can use the chan_websocket of Asterisk `version`; an unreadable version counts as new enough."""
    found = re.match(r"(\d+)\.(\d+)", version)
    if found is None:
        return True
    numbers = int(found[1]), int(found[2])
    return numbers[0] > max(OLDEST) or numbers >= OLDEST.get(numbers[0], (99, 0))


def _wanted(version: str) -> str:
    branch = version.partition(".")[0]
    major, minor = OLDEST.get(int(branch) if branch.isdecimal() else 0, OLDEST[22])
    return f"{major}.{minor}"


def _objects(value: Any) -> Sequence[Mapping[str, Any]]:
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []


def _without_user(address: str) -> str:
    return re.sub(r"//[^/@]*@", "//", address)
