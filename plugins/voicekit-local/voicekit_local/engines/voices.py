"""Names of voices that clients of the service use; the installed voice is used for all of them."""

from __future__ import annotations

from typing import Final

KNOWN_VOICES: Final = (
    *("Maya", "Daniel", "Noah", "Nina", "Emma", "Jack", "Adrian", "Claire", "Grace", "Owen", "Mina", "Kenji"),
    *("Rafael", "Mateo", "Lucia", "Sofia", "Oliver", "Arthur", "Isla", "Victoria", "Cooper", "Mason", "Ruby"),
    *("Elise", "Arjun", "Rohan", "Priya", "Meera", "Bryce"),
)
"""The published names of the service's voices: a client that works with the service must also work here."""
