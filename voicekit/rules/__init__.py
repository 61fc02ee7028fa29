"""Rules for bots without a model, in Python or a TOML file: phrases with slots, dialogues, keys, opening hours.

Start with `Rules` (voicekit/rules/book.py); docs/rules.md shows how to use it.
"""

from voicekit.rules.actions import Step
from voicekit.rules.book import Rules
from voicekit.rules.hours import OpeningHours
from voicekit.rules.lines import vary

__all__ = ["OpeningHours", "Rules", "Step", "vary"]
