"""The public test kit: whole calls in virtual time, for voicekit's tests and yours.

No other part of voicekit imports it.

from voicekit.testing import Script, hold_call

def test_it_greets_back():
    user = Script()
    user.says("good morning", at=1.0, for_=1.0)
    call = hold_call(my_handler, user)
    assert call.history[0].heard == "Good morning!"
"""

from voicekit.testing.carrier import PhoneLine, ScriptedCarrier
from voicekit.testing.contracts import (
    check_call,
    check_handler,
    check_sink,
    check_source,
    check_stage,
    check_stt,
    check_tts,
    check_vad,
)
from voicekit.testing.control import ScriptedControl
from voicekit.testing.fakes import FakeTts
from voicekit.testing.harness import HeldCall, hold_call
from voicekit.testing.scripted import Script, ScriptedSource, ScriptedStt, ScriptedVad
from voicekit.testing.timeline import Timeline

__all__ = [
    "HeldCall",
    "FakeTts",
    "PhoneLine",
    "Script",
    "ScriptedControl",
    "ScriptedCarrier",
    "ScriptedSource",
    "ScriptedStt",
    "ScriptedVad",
    "Timeline",
    "check_call",
    "check_handler",
    "check_sink",
    "check_source",
    "check_stage",
    "check_stt",
    "check_vad",
    "check_tts",
    "hold_call",
]
