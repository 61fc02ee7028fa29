"""The parts of a session by their roles, and how to tell whether something can play one.

Members are looked up with `hasattr`: since Python 3.12, `isinstance` with a protocol doesn't see what an object passes
on through `__getattr__`, as every layer around a stage does.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, TypeAlias, get_args

if TYPE_CHECKING:
    from voicekit.contracts import Sink, Source, Stt, Tts, Vad
    from voicekit.flow.stage import Stage
    from voicekit.reply.handler import Handler

Role: TypeAlias = Literal["source", "vad", "stt", "handler", "tts", "sink", "stage"]

ROLES: tuple[Role, ...] = get_args(Role)

Part: TypeAlias = "Source | Vad | Stt | Handler | Tts | Sink | Stage[Any, Any]"

_MEMBERS: dict[Role, tuple[str, ...]] = {
    "source": ("name", "open", "live", "produces"),
    "vad": ("rates", "start"),
    "stt": ("name", "open", "endpoints", "negotiate"),
    "handler": ("__call__",),
    "tts": ("name", "open", "negotiate", "cut"),
    "sink": ("name", "format", "pausable", "open"),
    "stage": ("name", "open"),
}


def misfit(role: Role, thing: object) -> str | None:
    """Why `thing` can't be a `role`, as "expected ..., got ..."; None where it can."""
    expected = f"expected a {role} (with {', '.join(_MEMBERS[role])})"
    if isinstance(thing, type):
        return f"{expected}, got the class {thing.__name__} itself"
    missing = [member for member in _MEMBERS[role] if not hasattr(thing, member)]
    return f"{expected}, got {type(thing).__name__} without {', '.join(missing)}" if missing else None
