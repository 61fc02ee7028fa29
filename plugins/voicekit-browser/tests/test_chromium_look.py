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
from tests.page_kit import FRESH, BurstTts, begin, served
from voicekit import CallPolicy, Policy, Say, Session, Turn
from voicekit.call.connection import Call
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
    return Session(handler=clerk, call=call, stt=None, vad=None, tts=BurstTts(0.4), policy=policy)


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
            await look(page, axe, pictures, "call")
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
        "password": "That is not the password",
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


async def test_without_a_microphone_one_types() -> None:
    """A line that is typed while there is no call begins one; nothing asks for the microphone that is not there."""
    before = (
        FRESH + "navigator.mediaDevices.getUserMedia = async () => { throw new DOMException('', 'NotFoundError'); };"
    )
    with trio.fail_after(120):
        async with served(answer) as (_, url), open_chromium() as chromium:
            page = await chromium.open_page(f"{url}/", before=before)
            await page.click("#talk")
            await page.until("document.querySelector('#problem').textContent.includes('type instead')", 60)
            await page.run("document.querySelector('#line').focus()")
            for key in ("h", "i", "Enter"):
                await page.press(key)
            await page.until(
                "[...document.querySelectorAll('.bot .heard')].some((each) => each.textContent.includes('from ten'))",
                60,
            )
            assert await page.run(
                "document.querySelector('#problem').hidden && document.querySelector('#hold').disabled"
            )
            assert "hi" in await page.text(".caller")
            assert page.complaints == []


FOCUS = """
(() => {
  const element = document.activeElement;
  const { outlineStyle, outlineWidth } = getComputedStyle(element);
  const { top, bottom, height } = element.getBoundingClientRect();
  const inside = height > 0 && top < innerHeight && bottom > 0;
  return [element.id || element.tagName, outlineStyle !== "none" && parseFloat(outlineWidth) >= 2 && inside];
})()
"""
"""What has the focus, and whether a person sees that."""


async def test_the_keys_of_the_page_work() -> None:
    """Space holds to talk, M mutes, Escape hangs up, and every control can be reached and seen with Tab."""
    with trio.fail_after(120):
        async with served(answer) as (_, url), open_chromium() as chromium:
            page = await chromium.open_page(f"{url}/", before=FRESH)
            muted = "window.voicekitCall?.muted"
            await page.press(" ", up=False)
            await page.until("document.querySelector('#state').dataset.state === 'talking'", 60)
            assert await page.run(muted) is False
            await page.press(" ", down=False)
            assert await page.run(muted) is True
            await page.press("m")
            assert await page.run(muted) is False
            await page.click("#keypad-open")
            seen: dict[str, bool] = {}
            for _ in range(30):
                await page.press("Tab")
                name, visible = await page.run(FOCUS)
                seen[name] = seen.get(name, True) and visible
                if name == "line":
                    for key in (" ", "m", "x"):  # letters here, and no shortcuts
                        await page.press(key)
                    assert await page.run("document.querySelector('#line').value") == " mx"
                    assert await page.run(muted) is False
                    await page.press("Enter")
            await page.until("document.querySelector('#transcript').textContent.includes('mx')")
            assert {"talk", "hold", "mute", "keypad-open", "line", "send", "transcript", "download"} <= set(seen)
            seen.pop("BODY", None)  # the page itself has the focus between the last control and the first
            assert all(seen.values()), seen
            await page.press("Escape")
            await page.until("document.querySelector('#state').dataset.state === 'over'")
            assert page.complaints == []


async def test_a_click_on_talk_leaves_space_for_talking() -> None:
    """Whoever began the call with the mouse may hold Space: it does not press the button that hangs up."""
    with trio.fail_after(120):
        async with served(answer) as (_, url), open_chromium() as chromium:
            page = await chromium.open_page(f"{url}/", before=FRESH)
            box = await page.run(
                "(({ x, y }) => ({ x: x + 9, y: y + 9 }))(document.querySelector('#talk').getBoundingClientRect())"
            )
            for kind in ("mousePressed", "mouseReleased"):
                await page.ask("Input.dispatchMouseEvent", type=kind, button="left", clickCount=1, **box)
            await page.until("document.querySelector('#state').dataset.state === 'talking'", 60)
            await page.press(" ")
            assert await page.run("voicekitCall.muted") is True
            assert await page.run("voicekitCall.state") == "talking"


def test_the_page_s_weight() -> None:
    """The page and all that it loads, without pictures, is below 100 kB."""
    from voicekit_browser.files import static_files

    weight = sum(len(text.encode()) for name, (text, _) in static_files().items() if not name.endswith(".d.ts"))
    print(f"the page weighs {weight / 1000:.1f} kB")
    assert weight < 100_000
