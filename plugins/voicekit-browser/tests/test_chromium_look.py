"""How the page looks in each of its states: pictures, an accessibility checker, and a console without an error.

VOICEKIT_PICTURES names a folder in which the pictures stay; docs/browser has those that were looked at.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
import trio

from tests.chromium import ChromiumPage, open_chromium
from tests.page_kit import FRESH, begin, served
from voicekit import CallPolicy, Policy, Say, Session, Turn
from voicekit.call.connection import Call
from voicekit.testing import FakeTts
from voicekit_browser.transport import Browser

pytestmark = [
    pytest.mark.real,
    pytest.mark.needs_debian("chromium", "chromium"),
    pytest.mark.needs_debian("npm", "npm"),
]

AXE = "axe-core@4.14.1"

SERIOUS = """
(async () => {
  const found = await axe.run(document, { resultTypes: ["violations"] });
  return found.violations.map(({ id, impact, nodes }) => [id, impact, nodes.map(({ html }) => html).slice(0, 3)]);
})()
"""

GREETING = (
    "Hello! I am the clerk of the museum. Ask me about opening hours, tickets, or the way here. We have paintings, "
    "tapestries, and a garden; the garden is best in June, the tapestries are dark, and the paintings are large."
)


async def clerk(turn: Turn, say: Say) -> None:
    await say("We are open from ten to six, every day but Monday. The last tickets are sold at half past five.")


async def answer(call: Call) -> Session:
    policy = Policy(call=CallPolicy(greeting=GREETING))
    return Session(handler=clerk, call=call, stt=None, vad=None, tts=FakeTts(), policy=policy)


@pytest.fixture(scope="module")
def axe(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The checker's script, from npm."""
    import subprocess

    folder = tmp_path_factory.mktemp("axe")
    command = ["npm", "install", "--no-audit", "--no-fund", "--prefix", str(folder), AXE]
    subprocess.run(command, check=True, capture_output=True, timeout=300)
    return (folder / "node_modules" / "axe-core" / "axe.min.js").read_text(encoding="utf-8")


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    folder = Path(os.environ.get("VOICEKIT_PICTURES") or tmp_path)
    folder.mkdir(parents=True, exist_ok=True)
    return folder


async def look(page: ChromiumPage, axe: str, folder: Path, name: str) -> None:
    """A picture of the page as it is, wide and light, wide and dark, and narrow; and what the checker finds in each."""
    for size, (width, height, dark) in {
        "": (1280, 800, False),
        "-dark": (1280, 800, True),
        "-390": (390, 844, False),
    }.items():
        await page.size(width, height, dark=dark)
        await trio.sleep(0.3)
        await page.picture(folder / f"{name}{size}.png")
        wide = await page.run("document.documentElement.scrollWidth - innerWidth")
        assert wide <= 0, f"{name}{size}: the page is {wide} px wider than the window"
        found = await page.run(f"{axe};{SERIOUS}")
        assert [each for each in found if each[1] in ("serious", "critical")] == [], json.dumps(found, indent=1)
    await page.size(1280, 800)


async def test_the_page_in_its_states(axe: str, pictures: Path) -> None:
    """Idle, in a call, after a cut, with the keypad, when it is over: nothing serious, and no word in the console."""
    with trio.fail_after(200):
        async with served(answer) as (_, url), open_chromium() as chromium:
            page = await chromium.open_page(f"{url}/", before=FRESH)
            await look(page, axe, pictures, "idle")
            await begin(page)
            await page.until("document.querySelectorAll('.heard').length > 0 && !document.querySelector('.cut')")
            await trio.sleep(1.0)
            await page.picture(pictures / "call.png")
            await page.run("voicekitCall.type('When are you open?')")
            await page.until("document.querySelector('.cut')")
            await page.until("document.querySelectorAll('.bot .heard').length > 1")
            await trio.sleep(2.0)
            await look(page, axe, pictures, "cut")
            await page.click("#keypad-open")
            await look(page, axe, pictures, "keypad")
            await page.click("#talk")
            await page.until("voicekitLast.state === 'over'")
            await look(page, axe, pictures, "over")
            assert page.complaints == []


@pytest.mark.parametrize("state", ["denied", "missing", "password", "full", "gone"])
async def test_the_page_when_something_is_wrong(state: str, axe: str, pictures: Path) -> None:
    """Each says what is wrong and what to do, and looks like it."""
    sentences = {
        "denied": "not allowed",
        "missing": "No microphone was found",
        "password": "token",
        "full": "No more calls",
        "gone": "lost this call",
    }
    thrown = {"denied": "NotAllowedError", "missing": "NotFoundError"}.get(state)
    before = FRESH
    if thrown:
        before += f"navigator.mediaDevices.getUserMedia = async () => {{ throw new DOMException('', '{thrown}'); }};"
    browser = Browser("open sesame" if state == "password" else "")
    with trio.fail_after(200):
        async with served(answer, browser=browser, max_calls=1) as (_, url), open_chromium() as chromium:
            page = await chromium.open_page(f"{url}/", before=before)
            if state == "full":
                first = await chromium.open_page(f"{url}/", before=FRESH)
                await begin(first)
            if state == "gone":
                await begin(page)
                await page.run("voicekitCall._resume = 'another.process'; voicekitCall._socket.close()")
            else:
                await page.click("#talk")
            await page.until(f"document.querySelector('#problem').textContent.includes({sentences[state]!r})", 60)
            await look(page, axe, pictures, f"wrong-{state}")
            allowed = "403" if state == "password" else "WebSocket"
            assert [line for line in page.complaints if allowed not in line] == []


async def test_the_keys_of_the_page_work(axe: str) -> None:
    """Space holds to talk, M mutes, Escape hangs up, and every control can be reached and seen with Tab."""
    with trio.fail_after(120):
        async with served(answer) as (_, url), open_chromium() as chromium:
            page = await chromium.open_page(f"{url}/", before=FRESH)
            press = "document.body.dispatchEvent(new KeyboardEvent('{}', {{ key: '{}', bubbles: true }}))"
            await page.run(press.format("keydown", " "))
            await page.until("document.querySelector('#state').dataset.state === 'talking'", 60)
            assert await page.run("voicekitCall.muted") is False
            await page.run(press.format("keyup", " "))
            assert await page.run("voicekitCall.muted") is True
            await page.run(press.format("keydown", "m"))
            assert await page.run("voicekitCall.muted") is False
            reached = set()
            for _ in range(14):
                for kind in ("rawKeyDown", "keyUp"):
                    await page.ask("Input.dispatchKeyEvent", type=kind, key="Tab", code="Tab", windowsVirtualKeyCode=9)
                reached.add(await page.run("document.activeElement.id"))
            assert {"talk", "hold", "mute", "keypad-open", "line", "send", "transcript", "download"} <= reached
            await page.run(press.format("keydown", "Escape"))
            await page.until("document.querySelector('#state').dataset.state === 'over'")


def test_the_page_s_weight() -> None:
    """The page and all that it loads, without pictures, is below 100 kB."""
    from voicekit_browser.files import static_files

    weight = sum(len(text.encode()) for name, (text, _) in static_files().items() if not name.endswith(".d.ts"))
    print(f"the page weighs {weight / 1000:.1f} kB")
    assert weight < 100_000
