"""The listening side: sources of audio, speech detectors, and code that assembles a recogniser's output into words."""

from voicekit.contracts import Source, Stt, Vad, VadStream
from voicekit.listen.detect import detect
from voicekit.listen.file_source import FileSource
from voicekit.listen.gate import Gate, GatePolicy
from voicekit.listen.source import SilenceSource, ToneSource
from voicekit.listen.transcribe import Assembly, HeardToken, words
from voicekit.listen.vad import ConfirmedBy, EnergyVad, WebRtcVad

__all__ = [
    "Source",
    "SilenceSource",
    "ToneSource",
    "FileSource",
    "Vad",
    "VadStream",
    "WebRtcVad",
    "EnergyVad",
    "ConfirmedBy",
    "GatePolicy",
    "Gate",
    "detect",
    "Stt",
    "HeardToken",
    "Assembly",
    "words",
]
