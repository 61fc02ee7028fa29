"""The public test kit: whole calls in virtual time, for our tests and for yours. Nothing of voicekit imports it.

from voicekit.testing import Script, hold_call

def test_it_greets_back():
    user = Script()
    user.says("good morning", at=1.0, for_=1.0)
    call = hold_call(my_handler, user)
    assert call.history[0].heard == "Good morning!"
"""

from voicekit.testing.contracts import (
    check_handler,
    check_sink,
    check_source,
    check_stage,
    check_transcriber,
    check_vad,
    check_voice,
)
from voicekit.testing.fakes import FakeVoice
from voicekit.testing.harness import Call, hold_call
from voicekit.testing.scripted import Script, ScriptedSource, ScriptedTranscriber, ScriptedVad
from voicekit.testing.timeline import Timeline

__all__ = [
    "Call",
    "FakeVoice",
    "Script",
    "ScriptedSource",
    "ScriptedTranscriber",
    "ScriptedVad",
    "Timeline",
    "check_handler",
    "check_sink",
    "check_source",
    "check_stage",
    "check_transcriber",
    "check_vad",
    "check_voice",
    "hold_call",
]
