"""What stands between a session and the stream that it serves: nothing early is lost, nothing late is heard."""

from __future__ import annotations

from voicekit.audio.format import PCM16K
from voicekit.events import Progress
from voicekit.soniox.api.wire import SttConfig
from voicekit.soniox.connection.transport import Unconnected
from voicekit.soniox.stt.listening import SttConnection
from voicekit.soniox.stt.session import SERVICE, RollOver, SttEvent, SttSession


def connection() -> SttConnection:
    return SttConnection(SttSession(SttConfig(), PCM16K))


def test_what_is_said_before_anybody_listens_is_kept() -> None:
    """A connection is made before the call; what happens to it meanwhile is told when the call begins, in its order."""
    made, heard = connection(), list[SttEvent]()
    for number in (1, 2):
        made.handle(Progress(number))
    made.listen(heard.append)
    made.handle(Progress(3))
    assert heard == [Progress(1), Progress(2), Progress(3)]


def test_a_session_that_was_left_says_nothing_more() -> None:
    """What still comes while its socket is closed would be heard twice, as the next session hears it again."""
    made, heard = connection(), list[SttEvent]()
    made.listen(heard.append)
    made.handle(RollOver())
    made.leave()
    made.handle(Progress(1))
    assert heard == [RollOver()]
    assert made.left.is_set()


def test_why_there_is_no_connection_decides_what_it_means() -> None:
    """A status of the upgrade is judged like the error of that number, anything else as a lost connection."""
    refused, broken = Unconnected("no", 401).failure(SERVICE), Unconnected("OSError: no route").failure(SERVICE)
    assert str(refused.error).startswith(f"{SERVICE} refused: HTTP 401 (401 without a type).")
    assert str(broken.error) == f"{SERVICE}: can't connect: OSError: no route"
    assert (refused.error.retryable, broken.error.retryable) == (False, True)
