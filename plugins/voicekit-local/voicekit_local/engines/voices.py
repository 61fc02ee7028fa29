"""Names of voices: those that clients of the service ask for, each spoken by whatever voice there is."""

from __future__ import annotations

from typing import Final

KNOWN_VOICES: Final = (
    *("Maya", "Daniel", "Noah", "Nina", "Emma", "Jack", "Adrian", "Claire", "Grace", "Owen", "Mina", "Kenji"),
    *("Rafael", "Mateo", "Lucia", "Sofia", "Oliver", "Arthur", "Isla", "Victoria", "Cooper", "Mason", "Ruby"),
    *("Elise", "Arjun", "Rohan", "Priya", "Meera", "Bryce"),
)
"""The service's own, as far as they are published: a client that works there must not be refused here."""
