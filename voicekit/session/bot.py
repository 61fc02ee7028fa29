"""A bot: a handler together with its greeting, its turn-taking, and its parts for hearing and speaking.

    bot = voicekit.Bot(answer, greeting="Good morning!", tts=voicekit.Use("soniox", voice="Maya"), language="en")

`voicekit.run`, `voicekit.testing.hold_call` and the commands accept a Bot wherever they accept a handler.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from voicekit.extend import Registry, Role, Use
from voicekit.turn.policy import Policy

SPOKEN: Final[tuple[Role, ...]] = ("stt", "tts")
"""The roles that are usually played by a service, and whose parts have a language."""


@dataclass(frozen=True)
class Bot:
    """A handler and the parts and policy that it needs. For `stt`, `tts` and `vad`, `...` stands for the default; see
    `Session`.

    `greeting` replaces the policy's greeting. `language` is passed to an stt and a tts that are given by name, if they
    have an option `language` that is not set.
    """

    handler: Any
    policy: Policy | None = None
    greeting: str | None = None
    stt: Any = ...
    tts: Any = ...
    vad: Any = ...
    language: str | None = None

    @classmethod
    def of(cls, thing: Any) -> Bot:
        """Return `thing` itself if it is a Bot, else a bot with `thing` as its handler."""
        return thing if isinstance(thing, Bot) else cls(thing)

    def spoken(self, registry: Registry, **given: Any) -> dict[str, Any]:
        """The keyword arguments to create a Session for a spoken call; `given` takes precedence."""
        parts = {"stt": self.stt, "tts": self.tts, "vad": self.vad, **given}
        spoken: tuple[Role, ...] = SPOKEN if self.language is not None else ()
        for role in spoken:
            parts[role] = self._in_language(role, parts[role], registry)
        return {"handler": self.handler, "policy": self._policy(), **parts}

    def silent(self, usual: Any, /, **given: Any) -> dict[str, Any]:
        """The keyword arguments to create a Session for a typed or scripted call; `usual` is the voice, unless `given`
        contains another voice.

        Of the bot's own parts, only the text transforms are used.
        """
        texts = self.tts[:-1] if _several(self.tts) else ()
        return {"handler": self.handler, "policy": self._policy(), "tts": [*texts, usual], **given}

    def _policy(self) -> Policy | None:
        if self.greeting is None:
            return self.policy
        policy = self.policy if self.policy is not None else Policy()
        return replace(policy, call=replace(policy.call, greeting=self.greeting))

    def _in_language(self, role: Role, thing: Any, registry: Registry) -> Any:
        use = asked_for(role, thing, registry)
        if use is None or use.options.keys() & {"language", "language_hints", "config"}:
            return thing
        if "language" not in registry.find(role, use.name).parameters():
            return thing
        return instead(thing, Use(use.name, **{**use.options, "language": self.language}))


def asked_for(role: Role, thing: Any, registry: Registry) -> Use | None:
    """The Use that describes the part `thing` (if `thing` is a sequence, its last item); None if the part is an object,
    rather than a name or the default.
    """
    last = thing[-1] if _several(thing) else thing
    if last is ...:
        return registry.default(role)
    return Use(last) if isinstance(last, str) else last if isinstance(last, Use) else None


def instead(thing: Any, part: Any) -> Any:
    """`thing` with `part` in place of the item that `asked_for` describes."""
    return [*thing[:-1], part] if _several(thing) else part


def _several(thing: Any) -> bool:
    return isinstance(thing, Sequence) and not isinstance(thing, str)
