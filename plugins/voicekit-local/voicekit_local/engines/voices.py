"""Names of voices: the names that clients of the service use, each spoken by the voice that is installed."""

from __future__ import annotations

from typing import Final

KNOWN_VOICES: Final = (
    *("Maya", "Daniel", "Noah", "Nina", "Emma", "Jack", "Adrian", "Claire", "Grace", "Owen", "Mina", "Kenji"),
    *("Rafael", "Mateo", "Lucia", "Sofia", "Oliver", "Arthur", "Isla", "Victoria", "Cooper", "Mason", "Ruby"),
    *("Elise", "Arjun", "Rohan", "Priya", "Meera", "Bryce"),
)
"""The service's own, as far as they are published: a client that works with the service must also work here."""
