"""ARI's data (pure): the requests that we send to Asterisk, the events that it sends, and the names of our objects.

We name every object before we request it, because events about it may arrive before the response to our request:

    voicekit-APP-3f2a-media      the channel that carries our audio
    voicekit-APP-3f2a-bridge     the bridge
    voicekit-APP-3f2a-call       an outgoing call
    voicekit-APP-3f2a-partner    the channel to a person whom we call at a caller's request

Each name contains the name of the app, so a process that starts after a crash can find the objects that the last
process left behind: see `leftovers`.
"""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from voicekit.call.info import CallEnd, EndReason
from voicekit.errors import RemoteProtocolError

PREFIX: Final = "voicekit"

LONGEST_EVENT: Final = 256 * 1024

CAUSES: Final[Mapping[int, EndReason]] = {
    0: EndReason.CALLER, 16: EndReason.CALLER, 26: EndReason.CALLER, 31: EndReason.CALLER, 32: EndReason.CALLER,
    17: EndReason.BUSY,
    18: EndReason.NO_ANSWER, 19: EndReason.NO_ANSWER,
}  # fmt: skip
"""Q.850 causes for the end of a channel. Any other cause counts as the carrier's, and is reported by its number."""

DIALLED: Final[Mapping[str, EndReason]] = {
    "BUSY": EndReason.BUSY, "NOANSWER": EndReason.NO_ANSWER, "CONGESTION": EndReason.FAILED,
    "CHANUNAVAIL": EndReason.FAILED,
}  # fmt: skip
"""The meaning of a Dial event for a channel that was not answered."""

BEFORE_ANSWER: Final[Mapping[int, EndReason]] = {
    17: EndReason.BUSY, 18: EndReason.NO_ANSWER, 19: EndReason.NO_ANSWER, 0: EndReason.NO_ANSWER,
}  # fmt: skip
"""Causes for the end of a channel that we dialled but that nobody answered. All others are failures."""

_NAME = re.compile(r"[A-Za-z0-9_.-]{1,40}")


@dataclass(frozen=True, slots=True)
class AriRequest:
    """A request to ARI. Values that may be telephone numbers or names go into the body, never into the path, because
    paths are logged.
    """

    method: str
    path: str
    body: Mapping[str, Any] | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class AriEvent:
    """An event about one channel: its type, the channel's id, and the whole message."""

    kind: str
    channel: str
    message: Mapping[str, Any] = field(repr=False)

    @property
    def args(self) -> Sequence[str]:
        """The arguments that the dialplan passed after the app's name."""
        found = self.message.get("args")
        return [str(each) for each in found] if isinstance(found, list) else []

    @property
    def cause(self) -> int:
        found = self.message.get("cause")
        return found if isinstance(found, int) and not isinstance(found, bool) else 0


@dataclass(frozen=True, slots=True)
class AriNames:
    """The names of the objects that belong to one call."""

    app: str
    number: str

    @classmethod
    def new(cls, app: str) -> AriNames:
        return cls(app, secrets.token_hex(6))

    @property
    def media(self) -> str:
        return f"{PREFIX}-{self.app}-{self.number}-media"

    @property
    def bridge(self) -> str:
        return f"{PREFIX}-{self.app}-{self.number}-bridge"

    @property
    def call(self) -> str:
        return f"{PREFIX}-{self.app}-{self.number}-call"

    @property
    def partner(self) -> str:
        return f"{PREFIX}-{self.app}-{self.number}-partner"

    @property
    def all(self) -> frozenset[str]:
        return frozenset((self.media, self.bridge, self.call, self.partner))


def is_name(app: str) -> bool:
    """Whether `app` is a valid name for an app."""
    return _NAME.fullmatch(app) is not None


def is_ours(app: str, name: str) -> bool:
    """Whether voicekit made the object called `name` for the app, in this process or another."""
    return re.fullmatch(rf"{PREFIX}-{re.escape(app)}-[0-9a-f]+-(media|bridge|call|partner)", name) is not None


def read_ari(text: str) -> AriEvent:
    """The event in a message. If there is none, raises RemoteProtocolError without quoting the message."""
    if len(text) > LONGEST_EVENT:
        raise RemoteProtocolError(f"ari: expected an event of at most {LONGEST_EVENT} characters, got {len(text)}")
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        raise RemoteProtocolError(f"ari: expected JSON, got {len(text)} characters that are not JSON") from None
    kind = value.get("type") if isinstance(value, dict) else None
    if not isinstance(kind, str):
        raise RemoteProtocolError("ari: expected an event with a type, got one without")
    return AriEvent(kind, _text(_part(value, "channel") or _part(value, "peer"), "id"), value)


def caller_of(event: AriEvent) -> dict[str, str]:
    """The caller's number and the number called, if the StasisStart event contains them."""
    channel = _part(event.message, "channel")
    said = {"caller": _text(_part(channel, "caller"), "number"), "called": _text(_part(channel, "dialplan"), "exten")}
    return {name: value for name, value in said.items() if value}


def end_of(cause: int) -> CallEnd:
    """Why a call ended, according to the `cause` that Asterisk gives."""
    return CallEnd(CAUSES.get(cause, EndReason.CARRIER), str(cause) if cause else "")


def end_of_dialling(status: str, cause: int) -> CallEnd:
    """Why a channel that we dialled ended before anyone answered, according to the Dial event or, failing that, the
    cause.
    """
    reason = DIALLED.get(status) or BEFORE_ANSWER.get(cause, EndReason.FAILED)
    return CallEnd(reason, str(cause) if cause else status)


def leftovers(
    app: str, bridges: Iterable[Any], channels: Iterable[Any], live: Collection[str] = ()
) -> list[AriRequest]:
    """The requests that remove everything another process of this app left in Asterisk's `bridges` and `channels`.

    A caller who is still in one of these bridges goes back to the dialplan. `live` holds the names that are in use.
    """
    requests = []
    for bridge in bridges:
        name = _text(bridge, "id")
        if is_ours(app, name) and name not in live:
            inside = bridge.get("channels")
            waiting = [each for each in inside if isinstance(each, str)] if isinstance(inside, list) else []
            requests += [carry_on(each) for each in waiting if not is_ours(app, each)]
            requests.append(remove_bridge(name))
    gone = (_text(channel, "id") for channel in channels)
    return requests + [hang_up(name) for name in gone if is_ours(app, name) and name not in live]


def list_bridges() -> AriRequest:
    return AriRequest("GET", "/bridges")


def list_channels() -> AriRequest:
    return AriRequest("GET", "/channels")


def answer(channel: str) -> AriRequest:
    return AriRequest("POST", f"/channels/{channel}/answer")


def open_media(names: AriNames, codec: str) -> AriRequest:
    """Make the channel that carries our audio, and that waits for us to connect."""
    body = {
        "app": names.app, "channelId": names.media, "external_host": "INCOMING", "transport": "websocket",
        "encapsulation": "none", "connection_type": "server", "format": codec, "transport_data": "f(json)",
    }  # fmt: skip
    return AriRequest("POST", "/channels/externalMedia", body)


def make_bridge(names: AriNames) -> AriRequest:
    return AriRequest("POST", "/bridges", {"type": "mixing", "bridgeId": names.bridge})


def join(names: AriNames, *channels: str) -> AriRequest:
    return AriRequest("POST", f"/bridges/{names.bridge}/addChannel", {"channel": list(channels)})


def part(names: AriNames, channel: str) -> AriRequest:
    """Take a channel out of the call's bridge; the channel stays in our app."""
    return AriRequest("POST", f"/bridges/{names.bridge}/removeChannel", {"channel": channel})


def remove_bridge(name: str) -> AriRequest:
    return AriRequest("DELETE", f"/bridges/{name}")


def hang_up(channel: str, reason: str = "normal") -> AriRequest:
    return AriRequest("DELETE", f"/channels/{channel}?reason={reason}")


def carry_on(channel: str, context: str = "", extension: str = "") -> AriRequest:
    """Let the dialplan continue, after its Stasis line or at an extension."""
    body = {"context": context, "extension": extension, "priority": 1} if extension else None
    return AriRequest("POST", f"/channels/{channel}/continue", body)


def redirect(channel: str, endpoint: str) -> AriRequest:
    """Have the caller's own telephone call `endpoint` instead: by SIP 302 before we have answered, and by REFER
    afterwards.
    """
    return AriRequest("POST", f"/channels/{channel}/redirect", {"endpoint": endpoint})


def send_keys(channel: str, keys: str) -> AriRequest:
    return AriRequest("POST", f"/channels/{channel}/dtmf", {"dtmf": keys, "between": 100, "duration": 100})


def music(channel: str, on: bool) -> AriRequest:
    return AriRequest("POST" if on else "DELETE", f"/channels/{channel}/moh")


def dial(names: AriNames, endpoint: str, *, name: str = "", caller: str = "", timeout: int = 30) -> AriRequest:
    """Call `endpoint`; the channel enters our app when somebody answers."""
    body = {"endpoint": endpoint, "app": names.app, "channelId": name or names.call, "timeout": timeout}
    return AriRequest("POST", "/channels", body | ({"callerId": caller} if caller else {}))


def sent_on(channel: str) -> str:
    """The message that Asterisk would send if `channel` left our app; we use it to end our part of a joined call."""
    return json.dumps({"type": "StasisEnd", "channel": {"id": channel}})


def _part(value: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = value.get(name)
    return found if isinstance(found, dict) else {}


def _text(value: Any, name: str) -> str:
    found = value.get(name) if isinstance(value, dict) else None
    return found if isinstance(found, str) else ""
