"""How often the big property tests try: a tenth of their counts by default, all of them with VOICEKIT_FULL=1.

A test that takes its number of tries from here is marked `full_counts`, so that `.ci/run` can repeat it in full.
"""

from __future__ import annotations

import os

FULL = os.environ.get("VOICEKIT_FULL") == "1"


def count(full: int) -> int:
    """`full` with VOICEKIT_FULL=1, a tenth of it otherwise, and at least one."""
    return full if FULL else max(1, full // 10)
