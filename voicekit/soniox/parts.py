"""The parts that `Use("soniox", ...)` creates. Their options include all fields of their configurations.

    Use("soniox", voice="Maya", language="de")        # SonioxTts(TtsConfig(voice="Maya", language="de"))
    Use("soniox", language="de", context="a pharmacy")

For a transcriber, `language` is the only language to expect: `language="de"` is short for `language_hints=("de",)`.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, TypeVar

import msgspec

from voicekit.soniox.api.wire import TtsConfig
from voicekit.soniox.stt.soniox_stt import ENDPOINTS, SonioxStt
from voicekit.soniox.tts.soniox_tts import SonioxTts

P = TypeVar("P")


def _with_fields(part: Callable[..., P], usual: Any, *more: inspect.Parameter) -> Callable[..., P]:
    """A factory for `part` that also accepts the fields of its configuration; they replace those of `usual`."""
    kind, only = type(usual), inspect.Parameter.KEYWORD_ONLY
    fields = [
        inspect.Parameter(field.name, only, default=None, annotation=field.type)
        for field in msgspec.structs.fields(kind)
    ]

    def make(config: Any = usual, **options: Any) -> P:
        if "language" in options and "language" not in kind.__struct_fields__:
            options.setdefault("language_hints", (options.pop("language"),))
        given = {name: options.pop(name) for name in kind.__struct_fields__ if name in options}
        return part(msgspec.structs.replace(config, **given), **options)

    own = inspect.signature(part)
    both = {each.name: each for each in (*own.parameters.values(), *fields, *more)}
    make.__signature__ = own.replace(parameters=list(both.values()))  # type: ignore[attr-defined]
    return make


LANGUAGE = inspect.Parameter("language", inspect.Parameter.KEYWORD_ONLY, default=None, annotation="str | None")

stt = _with_fields(SonioxStt, ENDPOINTS, LANGUAGE)
tts = _with_fields(SonioxTts, TtsConfig())
