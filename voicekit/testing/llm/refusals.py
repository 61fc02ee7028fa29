"""Rejects requests with invalid conversations, as strictly as the strictest of the language model services do.

For example, some services accept two messages in a row with the same role, but the templates of self-hosted models
don't.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from voicekit.testing.llm.wires import JsonObject

NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}")
"""The names of tools; some services accept longer ones."""


def why_refused(path: str, body: JsonObject) -> str | None:
    """Why the service would reject the request `body` to `path` with status 400; None if it would accept the
    request."""
    if not isinstance(body.get("model"), str) or body.get("stream") is not True:
        return "expected a model, and stream: true"
    if path.endswith("/chat/completions"):
        return _of_chat(body)
    if path.endswith("/responses"):
        return _of_responses(body)
    return _of_messages(body)


def _of_chat(body: JsonObject) -> str | None:
    messages = body.get("messages", [])
    if messages and messages[0]["role"] == "system":
        messages = messages[1:]
    turns: list[tuple[str, list[str]]] = []  # for each turn, its role and the ids of its calls or results
    for place, message in enumerate(messages):
        role = message["role"]
        if role in ("user", "assistant") and not (message.get("content") or message.get("tool_calls")):
            return f"messages[{place}]: expected content"
        if role == "tool" and turns and turns[-1][0] == "tool":
            turns[-1][1].append(message["tool_call_id"])
        elif role == "tool":
            turns.append((role, [message["tool_call_id"]]))
        else:
            calls = message.get("tool_calls") or []
            for call in calls:
                if (why := _wrong(call["function"])) is not None:
                    return f"messages[{place}]: {why}"
            turns.append((role, [call["id"] for call in calls]))
    return _out_of_order(turns)


def _of_responses(body: JsonObject) -> str | None:
    turns: list[tuple[str, list[str]]] = []
    for place, item in enumerate(body.get("input", [])):
        kind = item.get("type", "message")
        role = {"function_call": "assistant", "function_call_output": "tool"}.get(kind) or item["role"]
        ids = [item["call_id"]] if kind != "message" else []
        if kind == "message" and not item["content"]:
            return f"input[{place}]: expected content"
        if kind == "function_call" and (why := _wrong(item)) is not None:
            return f"input[{place}]: {why}"
        if kind != "message" and turns and turns[-1][0] == role:
            turns[-1][1].extend(ids)
        else:
            turns.append((role, ids))
    return _out_of_order(turns)


def _of_messages(body: JsonObject) -> str | None:
    if not isinstance(body.get("max_tokens"), int):
        return "max_tokens: field required"
    turns: list[tuple[str, list[str]]] = []
    for place, message in enumerate(body.get("messages", [])):
        blocks = message["content"]
        kinds = [block["type"] for block in blocks]
        if not blocks or any(block["type"] == "text" and not block["text"].strip() for block in blocks):
            return f"messages[{place}]: text content blocks must be non-empty"
        if "tool_result" in kinds and "text" in kinds[: kinds.count("tool_result")]:
            return f"messages[{place}]: tool_result blocks must come first"
        if any(block["type"] == "tool_use" and not isinstance(block["input"], dict) for block in blocks):
            return f"messages[{place}]: input must be an object"
        if not all(NAME.fullmatch(block["name"]) for block in blocks if block["type"] == "tool_use"):
            return f"messages[{place}]: tool_use.name: string should match pattern '{NAME.pattern}'"
        results = [block["tool_use_id"] for block in blocks if block["type"] == "tool_result"]
        if results:
            turns.append(("tool", results))
        if message["role"] != "user" or "text" in kinds:
            turns.append((message["role"], [block["id"] for block in blocks if block["type"] == "tool_use"]))
        if place and message["role"] == body["messages"][place - 1]["role"]:
            return f"messages[{place}]: roles must alternate"
    return _out_of_order(turns)


def _out_of_order(turns: Sequence[tuple[str, list[str]]]) -> str | None:
    every_call = [call for role, calls in turns if role != "tool" for call in calls]
    if len(every_call) != len(set(every_call)):
        return f"ids of calls must be unique: {every_call}"
    before, open_calls = "", list[str]()
    for place, (role, ids) in enumerate(turns):
        if role == "tool":
            if sorted(ids) != sorted(open_calls):
                return f"turn {place}: results of {ids} to calls {open_calls}"
            open_calls = []
        elif open_calls:
            return f"turn {place}: calls {open_calls} have no results"
        elif role == before or (role == "assistant" and not place):
            return f"turn {place}: {role} after {before or 'nothing'}"
        else:
            open_calls = ids
        before = role
    if open_calls:
        return f"calls {open_calls} have no results"
    return None if before in ("user", "tool") else f"the last turn is of {before or 'nobody'}"


def _wrong(function: Mapping[str, Any]) -> str | None:
    """Find what is wrong with a call, in the form that both of OpenAI's wires use."""
    if not NAME.fullmatch(function["name"]):
        return f"name: expected a string that matches '{NAME.pattern}'"
    return None if _is_object(function["arguments"]) else "arguments are no JSON object"


def _is_object(text: str) -> bool:
    try:
        return isinstance(json.loads(text), dict)
    except ValueError:
        return False
