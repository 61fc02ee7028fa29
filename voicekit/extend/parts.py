"""The parts of a session by role, and how to check whether an object can play a role.

Members are looked up with `hasattr`: since Python 3.12, `isinstance` with a protocol doesn't see the attributes that an
object has only through `__getattr__`, and every layer around a stage has such attributes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, TypeAlias, get_args

if TYPE_CHECKING:
    from voicekit.call.transport import Transport
    from voicekit.contracts import Sink, Source, Stt, Tts, Vad
    from voicekit.reply.handler import Handler

Role: TypeAlias = Literal["source", "vad", "stt", "handler", "tts", "sink", "transport"]

ROLES: tuple[Role, ...] = get_args(Role)

Part: TypeAlias = "Source | Vad | Stt | Handler | Tts | Sink | Transport"

_MEMBERS: dict[Role | Literal["stage"], tuple[str, ...]] = {
    "source": ("name", "open", "live", "produces"),
    "vad": ("rates", "start"),
    "stt": ("name", "open", "endpoints", "negotiate"),
    "handler": ("__call__",),
    "tts": ("name", "open", "negotiate", "cut"),
    "sink": ("name", "format", "pausable", "open"),
    "transport": ("name", "routes"),
    "stage": ("name", "open"),
}


def misfit(role: Role | Literal["stage"], thing: object) -> str | None:
    """Why `thing` can't be a `role`, as "expected ..., got ..."; None if it can. The role "stage" means any stage."""
    article = "an" if role == "stt" else "a"
    expected = f"expected {article} {role} (with {', '.join(_MEMBERS[role])})"
    if isinstance(thing, type):
        return f"{expected}, got the class {thing.__name__} itself"
    missing = [member for member in _MEMBERS[role] if not hasattr(thing, member)]
    return f"{expected}, got {type(thing).__name__} without {', '.join(missing)}" if missing else None
