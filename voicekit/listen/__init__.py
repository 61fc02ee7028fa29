"""Ears: sources of sound, detectors of speech, and the assembly of what a recogniser says into words."""

from voicekit.contracts import Source, Transcriber, Vad, VadStream
from voicekit.listen.detect import detect
from voicekit.listen.file_source import FileSource
from voicekit.listen.gate import Gate, GatePolicy
from voicekit.listen.source import SilenceSource, ToneSource
from voicekit.listen.transcribe import Assembly, Token, words
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
    "Transcriber",
    "Token",
    "Assembly",
    "words",
]
