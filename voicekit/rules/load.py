"""Loads rules from a TOML file, which can express everything that is possible in Python, except functions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from os import PathLike
from random import Random
from typing import TYPE_CHECKING, Any, TypeVar
from zoneinfo import ZoneInfo

from voicekit.errors import ConfigError
from voicekit.reply.expecting import checked_answer
from voicekit.rules.actions import Place, RuleAnswer, Step
from voicekit.rules.hours import Now, OpeningHours
from voicekit.rules.kinds import choice
from voicekit.rules.lines import RuleLine
from voicekit.rules.states import Form, State
from voicekit.rules.table import Table, When, read
from voicekit.rules.toml_file import Section, read_toml

if TYPE_CHECKING:
    from voicekit.rules.book import Rules

P = TypeVar("P", bound=Place)

ANSWER = "say goto leave end transfer digits"
FILE = "ask begin choices coverage form hours keys menu otherwise rule silence"
KEYS = {
    "ask": f"choices expect give_up key_timeout keys kind phrases prompt reprompts rule {ANSWER}",
    "form": f"again asks confirm {ANSWER}",
    "menu": "give_up keys prompt reprompts rule",
}
"""The keys of each table; a misspelt key is reported before a missing key, since the misspelling may be the cause."""


def load(cls: type[Rules], path: str | PathLike[str], now: Now | None, random: Callable[[], Random]) -> Rules:
    """Read the rules in the file at `path` into a new instance of `cls`."""
    file = read_toml(path)
    choices, coverage = file.section("choices"), file.get("coverage")
    named: dict[str, Any] = {name: choices.get(name) for name in choices.keys}
    for name, ways in named.items():
        with choices.blamed(name):
            choice(ways, "choices")
    with file.blamed("coverage"):
        given = {} if coverage is None else {"coverage": coverage}
        rules = cls(choices=named, random=random, **given)
    _Loader(file, rules, now).load()
    return rules


class _Loader:
    """Makes all places first, and then the answers that lead from one place to another."""

    def __init__(self, file: Section, rules: Rules, now: Now | None) -> None:
        self._file = file
        self._rules = rules
        self._now = now
        self._hours = _opening_hours(file.section("hours")) if "hours" in file.keys else None
        self._places: dict[str, Place] = {}

    def load(self) -> None:
        file, rules = self._file, self._rules
        file.check(FILE)
        for kind, known in KEYS.items():
            for section in file.sections(kind):
                section.check(known)
        asks = [(section, self._ask(section)) for section in file.sections("ask")]
        menus = [(section, self._menu(section)) for section in file.sections("menu")]
        forms = [(section, self._form(section)) for section in file.sections("form")]
        for section, state in (*asks, *menus):
            self._fill(section, state)
            if "give_up" in section.keys:
                with section.blamed("give_up"):
                    state.gives_up(self._answer_under(section, "give_up"))
        followed: list[tuple[Section, State | Form]] = [*asks, *forms]
        for section, place in followed:
            answer = self._answer(section)
            if answer is not None:
                with section.blamed("say"):
                    place.then(answer)
        self._fill(file, rules)
        for key, add in (("otherwise", rules.otherwise), ("silence", rules.on_silence)):
            if key in file.keys:
                with file.blamed(key):
                    add(self._answer_under(file, key))
        if "begin" in file.keys:
            rules.begin(self._place(file, "begin"))

    def _ask(self, section: Section) -> State:
        prompt, reprompts = _prompts(section)
        kind, choices = section.text("kind") or "text", section.get("choices")
        phrases, expect = section.texts("phrases") or [], section.get("expect")
        with section.blamed("expect"):
            expect = None if expect is None else checked_answer(expect)
        with section.blamed():
            state = self._rules.ask(
                prompt,
                section.name,
                kind,
                choices=choices,
                phrases=phrases,
                expect=expect,
                reprompts=reprompts,
            )
            if "key_timeout" in section.keys:
                state.set_key_timeout(section.get("key_timeout"))
        return self._add(section, state)

    def _menu(self, section: Section) -> State:
        prompt, reprompts = _prompts(section)
        with section.blamed():
            return self._add(section, self._rules.menu(prompt, reprompts=reprompts))

    def _form(self, section: Section) -> Form:
        names = section.texts("asks")
        asks = [self._places.get(name) for name in names or []]
        states = [ask for ask in asks if isinstance(ask, State)]
        if not states or len(states) < len(asks):
            raise section.wrong("asks", f"names of [ask....] tables ({', '.join(self._places) or 'there are none'})")
        with section.blamed():
            form = self._rules.form(*states, confirm=section.line("confirm"), again=section.line("again"))
        return self._add(section, form)

    def _add(self, section: Section, place: P) -> P:
        with section.blamed():
            if section.name in self._places:
                raise ConfigError(f"expected a unique name, got {section.name!r}, which is already in use")
        self._places[section.name] = place
        return place

    def _fill(self, section: Section, table: Table) -> None:
        """Add the rules and the keys of `section` to `table`."""
        for rule in section.array("rule"):
            self._rule(rule, table)
        keys = section.section("keys")
        for row in keys.keys:
            with keys.blamed(row):
                table.key(row, answer=self._answer_under(keys, row))

    def _rule(self, rule: Section, table: Table) -> None:
        rule.check(f"phrases when {ANSWER}")
        phrases = rule.texts("phrases")
        if phrases is None:
            raise rule.wrong("phrases", "phrases that the rule answers")
        with rule.blamed("phrases"):
            read(phrases, table.named, table.where)
        answer, when = self._answer(rule), self._when(rule)
        if answer is None:
            raise rule.wrong("say", "an answer: say, goto, leave, end, transfer or digits")
        with rule.blamed("say"):
            table.on(*phrases, answer=answer, when=when)

    def _when(self, rule: Section) -> When | None:
        when, hours, now = rule.text("when"), self._hours, self._now
        if when is None:
            return None
        if when not in ("open", "closed"):
            raise rule.wrong("when", "'open' or 'closed'")
        if hours is None:
            raise rule.wrong("when", "opening hours in a table [hours]")
        if now is None:
            raise rule.wrong("when", "a clock in Rules.load(..., now=...)")
        return lambda turn: hours.is_open(now()) == (when == "open")

    def _answer_under(self, section: Section, key: str) -> RuleAnswer:
        """The answer at `key`: a text, several texts, or a table with options."""
        if not isinstance(section.get(key), dict):
            line = section.line(key)
            assert line is not None
            return line
        inner = section.section(key)
        inner.check(ANSWER)
        answer = self._answer(inner)
        if answer is None:
            raise section.wrong(key, "text, or say, goto, leave, end, transfer or digits")
        return answer

    def _answer(self, section: Section) -> RuleAnswer | None:
        """The answer that `say`, `goto` and the other keys of ANSWER in `section` make; None if `section` has none of
        them."""
        say, leave, end = section.line("say"), section.flag("leave"), section.flag("end")
        place = self._place(section, "goto") if section.text("goto") is not None else None
        transfer, digits = section.text("transfer"), section.text("digits")
        if place is not None and (leave or end or transfer is not None):
            raise section.wrong("goto", "no goto beside leave, end or transfer")
        if place is None and not leave and not end and transfer is None and digits is None:
            return say
        with section.blamed():
            return Step(say, place, end, transfer, digits)

    def _place(self, section: Section, key: str) -> Place:
        name = section.text(key)
        if name not in self._places:
            raise section.wrong(key, f"the name of an ask, a menu or a form ({', '.join(self._places) or 'none here'})")
        return self._places[name]


def _prompts(section: Section) -> tuple[RuleLine, Sequence[RuleLine] | None]:
    prompt = section.line("prompt")
    if prompt is None:
        raise section.wrong("prompt", "the text of the question")
    return prompt, section.texts("reprompts")


def _opening_hours(section: Section) -> OpeningHours:
    section.check("exceptions weekly zone")
    zone = section.text("zone")
    try:
        where = ZoneInfo(zone or "")
    except (ValueError, OSError, KeyError):  # the name is malformed or unknown, or names a folder
        raise section.wrong("zone", "a time zone such as 'Europe/Berlin'") from None
    weekly, exceptions = section.section("weekly"), section.section("exceptions")
    with section.blamed():
        return OpeningHours(_texts(weekly), where, _texts(exceptions))


def _texts(section: Section) -> dict[str, str]:
    return {key: section.text(key) or "" for key in section.keys}
