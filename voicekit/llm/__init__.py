"""Language models as handlers: the code that all models share. Plugins add the vendors' protocols.

`LanguageModel` (voicekit/llm/handler.py) is the handler, `tool` makes functions callable by the model, and a vendor's
plugin implements `Model`; docs/models.md shows how.
"""

from voicekit.llm.call_tools import collect_keys, end_call, send_digits, transfer_call
from voicekit.llm.handler import LanguageModel
from voicekit.llm.model import HttpModel, Model, ModelEndpoint, ModelRequest
from voicekit.llm.streaming import Limits
from voicekit.llm.tools import Tool, ToolPolicy, remote_tool, tool
from voicekit.llm.window import Window

__all__ = [
    "LanguageModel",
    "Limits",
    "Window",
    "tool",
    "Tool",
    "ToolPolicy",
    "remote_tool",
    "collect_keys",
    "end_call",
    "send_digits",
    "transfer_call",
    "Model",
    "HttpModel",
    "ModelEndpoint",
    "ModelRequest",
]
