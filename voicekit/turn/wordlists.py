"""The words that always cut a reply, and the words that never do, in the languages that voicekit itself supports.

To add languages or phrases, pass your own lists to InterruptPolicy. Only letters count, not case, punctuation, hyphens
or white space: "uh-huh" equals "Uh huh,".
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import TypeAlias

WordLists: TypeAlias = Mapping[str, Collection[str]]
"""Phrases by language code ("en"), or by "any" for all languages; a phrase may have several words."""

ANY = "any"
"""The language code for phrases that count in every language."""

# fmt: off
# Each of these asks the speaker to stop. A bare "no" is included, since it is an objection and no sign of listening.
STOP_WORDS: WordLists = {
    "en": (
        "stop", "wait", "hold on", "hang on", "pause", "no", "be quiet", "shut up", "one moment", "excuse me",
    ),
    "de": (
        "stopp", "stop", "halt", "warte", "warten sie", "moment", "einen moment", "pause", "nein", "ruhe",
    ),
    "es": (
        "para", "pare", "alto", "espera", "espere", "un momento", "pausa", "no", "basta", "silencio",
    ),
    "fr": (
        "stop", "arrête", "arrêtez", "attends", "attendez", "un instant", "un moment", "pause", "non", "silence",
    ),
    "it": (
        "stop", "ferma", "fermati", "si fermi", "aspetta", "aspetti", "un momento", "un attimo", "pausa", "no", "basta",
        "silenzio",
    ),
    "pt": (
        "pare", "espera", "espere", "um momento", "um instante", "pausa", "não", "chega", "silêncio",
    ),
}
# Words that only show that a listener is following; none of them is an attempt to speak.
IGNORE_WORDS: WordLists = {
    "en": (
        "mhm", "mm", "mm-hmm", "hm", "hmm", "uh", "uh-huh", "um", "ah", "oh", "okay", "ok", "yeah", "yep", "yes",
        "right", "all right", "sure", "i see", "got it",
    ),
    "de": (
        "mhm", "hm", "hmm", "äh", "ähm", "ah", "aha", "achso", "ach so", "okay", "ok", "ja", "genau", "klar",
        "alles klar", "gut", "verstehe",
    ),
    "es": (
        "mhm", "hm", "eh", "ah", "ajá", "okay", "ok", "sí", "claro", "vale", "bueno", "ya", "ya veo",
    ),
    "fr": (
        "mhm", "hm", "hum", "euh", "ah", "okay", "ok", "oui", "ouais", "d'accord", "bien sûr", "voilà", "je vois",
    ),
    "it": (
        "mhm", "mm", "hm", "eh", "ah", "okay", "ok", "sì", "certo", "va bene", "bene", "esatto", "giusto", "capisco",
        "d'accordo",
    ),
    "pt": (
        "mhm", "hm", "hum", "ah", "okay", "ok", "sim", "é", "pois", "pois é", "certo", "claro", "está bem", "tá",
        "tá bom", "entendo", "exato",
    ),
}
# fmt: on
