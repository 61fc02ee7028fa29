"""Lists of words that help to judge whether an utterance is complete, in the languages that voicekit itself supports.

Only the letters of words are compared (`voicekit.writing.letters`), so "c'est" is the same as "cest". For other
languages there are no lists, so only digits are recognised.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final, TypeAlias

from msgspec import Struct

from voicekit.writing import letters

_Lists: TypeAlias = Mapping[str, str]

# fmt: off
# Hardly any utterance ends with one of these: conjunctions, articles, possessives, prepositions that need their noun.
# The lists deliberately leave out words that may also end a sentence: particles of verbs ("turn it on", "mach das
# Fenster zu"), pronouns that look like articles ("ich weiß das", "ik weet het") and short answers (Portuguese "é").
_UNFINISHED: _Lists = {
    "en": "a an the and or but so because if that's which to of for with from at by about into than my your our their "
          "is are was were am i'm it's like very as i",
    "de": "und oder aber denn weil dass ob wenn der die den dem des ein eine einen einem einer eines mein meine meinen "
          "meiner unser unsere für von zum zur bei vom im am ins wegen ohne zwischen gegen seit sehr als sowie ich bin",
    "es": "y e o u pero porque que si el la los las un una unos unas de del al en con por para sin sobre desde hasta "
          "mi mis tu su sus nuestro nuestra muy como soy es yo",
    "fr": "et ou mais parce qui que si le les un une des du de d' au aux dans sur avec pour par sans chez mon ma mes "
          "ton ta tes ses notre votre est c'est suis j'ai je très comme l'",
    "it": "e ed o ma che se il lo i gli le un uno una di del della dei delle al alla ai da dal dalla nel nella con per "
          "tra fra mio mia miei è molto come io vorrei",
    "nl": "en of maar want omdat als de een van te om mijn jouw jullie onze met voor zonder tussen tegen sinds heel ik "
          "ben",
    "pt": "e ou mas porque que se o os as um uma uns umas de do da dos das em no na nos nas com por para sem meu minha "
          "seu sua muito como sou eu",
}
# Sounds that a speaker makes while searching for the next word.
_FILLERS: _Lists = {
    "en": "um uh er erm uhm umm hmm well",
    "de": "äh ähm öh öhm hm hmm also",
    "es": "eh em este pues mmm",
    "fr": "euh heu ben bah alors",
    "it": "ehm eh uhm allora cioè",
    "nl": "eh uh ehm uhm eum dus",
    "pt": "hum hã ah tipo então",
}
# Beginnings that a recogniser punctuates like a sentence, although the actual question or thought is still to come.
_OPENERS: _Lists = {
    "en": "can you tell me, could you tell me, can you say, do you know, i'd like to know, i would like to know, "
          "i wanted to ask, i want to ask, i want to know, i was wondering, i wonder, my question is, let me think, "
          "let me see, let me check, let me look, i think, i guess, i mean, i believe, just a moment, one moment, "
          "just a second, one second",
    "de": "können sie mir sagen, kannst du mir sagen, wissen sie, weißt du, ich wollte fragen, ich wollte wissen, "
          "ich möchte wissen, ich würde gern wissen, ich würde gerne wissen, meine frage ist, ich glaube, ich denke, "
          "ich meine, mal sehen, lassen sie mich überlegen, lass mich überlegen, moment, sagen sie mal, sag mal",
    "es": "puede decirme, puedes decirme, me puede decir, me puedes decir, podría decirme, sabe usted, "
          "quería preguntar, quería saber, quisiera saber, me gustaría saber, mi pregunta es, creo, a ver, "
          "déjeme ver, un momento",
    "fr": "pouvez-vous me dire, vous pouvez me dire, tu peux me dire, pourriez-vous me dire, est-ce que vous savez, "
          "savez-vous, je voulais demander, je voulais savoir, je voudrais savoir, j'aimerais savoir, ma question est, "
          "je crois, je pense, voyons, attendez, un moment",
    "it": "può dirmi, puoi dirmi, mi può dire, mi puoi dire, potrebbe dirmi, volevo chiedere, volevo sapere, "
          "vorrei sapere, la mia domanda è, credo, penso, vediamo, un attimo, un momento",
    "nl": "kunt u mij zeggen, kunt u mij vertellen, kunt u me vertellen, kun je me vertellen, weet u, weet je, "
          "ik wilde vragen, ik wil weten, ik wil graag weten, mijn vraag is, ik denk, ik geloof, even kijken, moment",
    "pt": "pode me dizer, pode dizer-me, pode-me dizer, sabe me dizer, gostaria de saber, queria perguntar, "
          "queria saber, minha pergunta é, acho, eu acho, deixa eu ver, deixe-me ver, um momento",
}
_YES_NO: _Lists = {
    "en": "yes yeah yep yup no nope nah sure okay ok correct right exactly absolutely please thanks thank you that's "
          "it's not all of course definitely",
    "de": "ja nein jawohl jo genau richtig gerne gern bitte danke nö okay ok klar sicher stimmt natürlich das "
          "ist nicht",
    "es": "sí si no claro vale correcto exacto por favor gracias supuesto bueno okay ok está bien",
    "fr": "oui non ouais exactement d'accord merci bien sûr s'il vous plaît okay ok c'est ça",
    "it": "sì si no certo esatto giusto grazie per favore va bene okay ok d'accordo",
    "nl": "ja nee jawel precies klopt graag dank je u wel bedankt okay ok oké zeker natuurlijk dat",
    "pt": "sim não claro certo exato obrigado obrigada por favor isso está bem okay ok",
}
# Words that mean yes or no on their own; the other words in the lists above only accompany these.
_ANSWERS: _Lists = {
    "en": "yes yeah yep yup no nope nah sure okay ok correct right exactly absolutely definitely",
    "de": "ja nein jawohl jo genau richtig gerne gern nö okay ok klar sicher stimmt natürlich",
    "es": "sí si no claro vale correcto exacto bueno okay ok",
    "fr": "oui non ouais exactement d'accord okay ok",
    "it": "sì si no certo esatto giusto okay ok d'accordo",
    "nl": "ja nee jawel precies klopt graag okay ok oké zeker natuurlijk",
    "pt": "sim não claro certo exato isso okay ok",
}
_DIGITS: _Lists = {
    "en": "zero oh o nought one two three four five six seven eight nine double triple",
    "de": "null eins ein zwei zwo drei vier fünf sechs sieben acht neun doppel",
    "es": "cero uno dos tres cuatro cinco seis siete ocho nueve doble",
    "fr": "zéro un deux trois quatre cinq six sept huit neuf double",
    "it": "zero uno due tre quattro cinque sei sette otto nove doppio",
    "nl": "nul een één twee drie vier vijf zes zeven acht negen dubbel",
    "pt": "zero um uma dois duas três quatro cinco seis meia sete oito nove",
}
# fmt: on


class Endings(Struct, frozen=True):
    """The lists of one language, or of several languages together."""

    unfinished: frozenset[str] = frozenset()
    fillers: frozenset[str] = frozenset()
    yes_no: frozenset[str] = frozenset()
    answers: frozenset[str] = frozenset()
    digits: frozenset[str] = frozenset()
    # for each opener, the letters of its words, with a space before each word: " let me think"
    openers: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.unfinished)

    def __or__(self, other: Endings) -> Endings:
        return Endings(
            self.unfinished | other.unfinished,
            self.fillers | other.fillers,
            self.yes_no | other.yes_no,
            self.answers | other.answers,
            self.digits | other.digits,
            self.openers + other.openers,
        )


LONGEST_OPENER: Final = 5
"""The number of words in the longest opener above."""

LANGUAGES: Final = tuple(sorted(_UNFINISHED))
"""The languages that have lists."""

NEUTRAL: Final = Endings()
FALLBACK: Final = "en"
"""The language for words whose language is unknown."""


def _of(lists: _Lists, language: str) -> frozenset[str]:
    return frozenset(letters(word) for word in lists[language].split())


def _phrases(language: str) -> tuple[str, ...]:
    return tuple("".join(f" {letters(word)}" for word in phrase.split()) for phrase in _OPENERS[language].split(", "))


_BY_LANGUAGE: Final = {
    language: Endings(
        _of(_UNFINISHED, language),
        _of(_FILLERS, language),
        _of(_YES_NO, language),
        _of(_ANSWERS, language),
        _of(_DIGITS, language),
        _phrases(language),
    )
    for language in LANGUAGES
}


def endings_of(languages: Iterable[str]) -> Endings:
    """The combined lists of all `languages` (such as "en" and "pt-BR"); if no languages are given, the English lists.

    >>> "und" in endings_of(["de-AT"]).unfinished, bool(endings_of(["ja"])), "and" in endings_of([]).unfinished
    (True, False, True)
    """
    found = NEUTRAL
    for language in list(languages) or [FALLBACK]:
        found |= _BY_LANGUAGE.get(language.partition("-")[0].casefold(), NEUTRAL)
    return found
