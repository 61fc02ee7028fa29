"""Decides how much silence ends an utterance, depending on its last words. Pure; times are in seconds of audio.

After a sentence that looks complete, a shorter silence is needed than after one that breaks off ("I would like to,
um"). Three settings of the protocol apply to both lengths of silence: two of them scale the lengths, and
`max_endpoint_delay_ms` limits them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from voicekit.soniox.api.wire import SttConfig

COMPLETE_S: Final = 0.6
"""Seconds of silence after words that look complete. In measurements, the service sent <end> 0.61 to 0.90 s after the
end of speech. Here detection and decoding add some time, so the result is 0.66 s."""
INCOMPLETE_S: Final = 1.1
"""Seconds of silence after any words. The service also judges by intonation, and was never seen to need over 0.9 s."""
SHORTEST_S: Final = 0.35  # the shortest delay; with a shorter one, pauses between words would end an utterance
SENSITIVITY_FACTOR: Final = 2.0  # delays are divided by this at sensitivity 1, and multiplied by it at -1
LEVEL_FACTOR: Final = 0.8  # delays are multiplied by this for each latency level
DEFAULT_MAX_MS: Final = 2_000  # the default maximum delay, as documented by the service

UNFINISHED: Final = frozenset(
    (  # noqa: SIM905  # reads better as words
        "a an the and or but so because if then that which who to of for with from in on at by about my your his her "
        "our their is are was were am i'm um uh er hmm like very please"
    ).split()
)
"""Words that hardly ever end an utterance."""


class Endpointing:
    """How much silence ends an utterance, according to one session's configuration."""

    def __init__(self, config: SttConfig) -> None:
        factor: float = SENSITIVITY_FACTOR ** -(config.endpoint_sensitivity or 0.0)
        factor *= LEVEL_FACTOR ** (config.endpoint_latency_adjustment_level or 0)
        cap = (config.max_endpoint_delay_ms or DEFAULT_MAX_MS) / 1000
        self.complete_s = min(cap, max(SHORTEST_S, COMPLETE_S * factor))
        self.longest_s = min(cap, max(SHORTEST_S, INCOMPLETE_S * factor))
        """Seconds of silence that end an utterance after any words."""

    def delay_s(self, words: Sequence[str]) -> float:
        """How many seconds of silence end an utterance whose last words are `words`.

        >>> usual = Endpointing(SttConfig())
        >>> usual.delay_s(["Thank", "you."]), usual.delay_s(["I", "want", "to"])
        (0.6, 1.1)
        """
        last = words[-1] if words else ""
        looks_complete = last.endswith((".", "?", "!")) and last.strip(".,?!-").lower() not in UNFINISHED
        return self.complete_s if looks_complete else self.longest_s
