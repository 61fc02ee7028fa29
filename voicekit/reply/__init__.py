"""Runs the handler that answers the caller, and the transforms that prepare the handler's text for the tts."""

from voicekit.reply.align import Aligner
from voicekit.reply.emoji import strip_emoji
from voicekit.reply.handler import Answer, CallView, Handler, HandlerStage, Turn, as_handler
from voicekit.reply.markdown import strip_markdown
from voicekit.reply.say import Say
from voicekit.reply.sentences import sentences
from voicekit.reply.spoken import spoken_forms

__all__ = [
    "Handler",
    "Turn",
    "Say",
    "CallView",
    "Answer",
    "as_handler",
    "HandlerStage",
    "strip_markdown",
    "strip_emoji",
    "spoken_forms",
    "sentences",
    "Aligner",
]
