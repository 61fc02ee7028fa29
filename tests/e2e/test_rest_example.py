"""The example that gives keys to browsers, as a server of its own."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

import httpx
import pytest
import trio

from voicekit.soniox.api.region import KEY_VARIABLE, URL_VARIABLES
from voicekit.soniox.server.account import Account
from voicekit.testing.soniox.rest import RestPeer

pytestmark = pytest.mark.slow

EXAMPLE = Path(__file__).parents[2] / "examples" / "07_keys_for_browsers.py"
KEY = "the-main-key"
ROOT = str(Path(__file__).parents[2])


async def test_keys_for_browsers_gives_temporary_ones() -> None:
    """Whoever may come in gets a temporary key under their own name, all others nothing, and nobody the main key."""
    peer = RestPeer(account=Account([KEY]))
    async with peer.serve() as endpoints:
        environment = {**os.environ, KEY_VARIABLE: KEY, URL_VARIABLES["rest"]: endpoints.rest, "PYTHONPATH": ROOT}
        process = await trio.lowlevel.open_process(
            [sys.executable, "-W", "error", str(EXAMPLE), "0"], stdout=-1, stderr=-1, env=environment
        )
        assert process.stdout is not None
        assert process.stderr is not None
        with trio.fail_after(240):
            address = (await process.stdout.receive_some()).decode().strip()
            async with httpx.AsyncClient() as browser:
                let_in = {"authorization": "Bearer let me in"}
                given = await browser.post(address, headers=let_in)
                others = [
                    (await browser.post(address)).status_code,
                    (await browser.post(address.replace("/key", "/"), headers=let_in)).status_code,
                    (await browser.get(address, headers=let_in)).status_code,
                ]
            process.send_signal(signal.SIGINT)
            await process.wait()
        assert (process.returncode, await process.stderr.receive_some()) == (0, b"")
        await process.stdout.aclose()
        await process.stderr.aclose()
    assert (given.status_code, others) == (201, [404, 404, 405])
    assert given.json()["api_key"].startswith("snx_temp_")
    assert given.headers["cache-control"] == "no-store"
    assert KEY not in given.text
    assert b'"client_reference_id":"ann"' in peer.requests[0].body
