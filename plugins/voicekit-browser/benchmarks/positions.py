"""How far the words that count as heard differ from the sound that a real Chromium has rendered.

    python plugins/voicekit-browser/benchmarks/positions.py [CUTS] [SEED]

A page is in a call with a bot whose words are bursts of 100 ms, which can be counted in the page's recording. Each
reply is cut at a random moment. This needs voicekit's checkout, for its test kit, and the Debian package chromium.
"""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from pathlib import Path

import trio

sys.path.insert(0, str(Path(__file__).resolve().parents[3]))  # the test kit is not installed

from benchmarks import machine
from tests.chromium import chromium_path
from tests.machine import watched
from tests.page_kit import cuts_in_chromium


def main(cuts: int, seed: int) -> None:
    path = chromium_path()
    assert path is not None, "needs the Debian package chromium"
    chromium = subprocess.run([path, "--version"], capture_output=True, text=True, check=True).stdout.split()[1]
    with watched() as kept:
        found = trio.run(lambda: cuts_in_chromium(cuts, seed=seed))
    about = {"chromium": chromium, **machine.describe()}
    print(", ".join(f"{name} {value}" for name, value in about.items()))
    counted = Counter(cut.rendered - cut.heard for cut in found)
    print(f"{cuts} cuts. Words rendered minus words heard, and how often:")
    for difference in sorted(counted):
        print(f"    {difference:+d}  {counted[difference]:4d}")
    tails = sorted(abs(cut.tail) for cut in found if cut.tail is not None)
    middle = 1000 * tails[len(tails) // 2]
    print(
        f"{len(tails)} cuts broke a burst off. In the recording it ends {middle:.1f} ms (median) "
        f"and at most {1000 * tails[-1]:.1f} ms from the flush by the page's clock."
    )
    silent = sorted(cut.silent for cut in found if cut.silent is not None)
    middle = 1000 * silent[len(silent) // 2]
    print(f"It was silent {middle:.0f} ms (median) and at most {1000 * silent[-1]:.0f} ms after the server's decision.")
    print("The machine kept time within 50 ms." if kept.keeps_time(within=0.05) else kept.excuse)


if __name__ == "__main__":
    given = [int(each) for each in sys.argv[1:]]
    main(given[0] if given else 300, given[1] if len(given) > 1 else 11)
