"""Cuts parts out of a network in the ONNX format, without the package onnx, which not every system has. Pure.

An ONNX file is a message in protobuf's format: a sequence of fields, each with a number and a value. Here only the few
fields are read that say which node computes what; all others are copied unchanged.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import Final

Field = tuple[int, memoryview, memoryview]
"""A field: its number, its value, and all its bytes. Only values that have a length are kept; the others are empty."""

GRAPH: Final = 7  # of a model
NODE, INITIALIZER, INPUT, OUTPUT, SHAPES = 1, 5, 11, 12, 13  # of a graph
NODE_INPUT, NODE_OUTPUT = 1, 2
TENSOR_NAME: Final = 8
VALUE_NAME, VALUE_TYPE = 1, 2
FLOAT: Final = 1


def part(model: bytes, inputs: dict[str, Sequence[int | None]], outputs: Collection[str]) -> bytes:
    """The part of a network that computes `outputs` from `inputs`, as a network of its own.

    `inputs` has the shapes of values that become inputs of the part, as floats; None stands for any size. Inputs of
    the whole network that are needed stay inputs.
    """
    whole = list(fields(memoryview(model)))
    (graph,) = (list(fields(value)) for number, value, _ in whole if number == GRAPH)
    nodes, needed = _needed(graph, set(inputs), set(outputs))
    kept = list(nodes)
    for number, value, raw in graph:
        name_at = TENSOR_NAME if number == INITIALIZER else VALUE_NAME
        if number in (NODE, OUTPUT, SHAPES):
            continue
        if number not in (INITIALIZER, INPUT) or _names(value, name_at)[0] in needed:
            kept.append(raw)
    made = [_field(INPUT, _value(name, shape)) for name, shape in inputs.items()]
    made += [_field(OUTPUT, _field(VALUE_NAME, name.encode())) for name in outputs]
    besides = [raw for number, _, raw in whole if number != GRAPH]
    return b"".join([*besides, _field(GRAPH, b"".join([*kept, *made]))])


def _needed(graph: Sequence[Field], given: set[str], wanted: set[str]) -> tuple[list[memoryview], set[str]]:
    """The nodes that compute `wanted`, in their order, and the names of all values that these nodes use."""
    nodes, needed = [], set(wanted)
    for number, value, raw in reversed(graph):  # a node comes after the nodes whose results it uses
        if number == NODE and not needed.isdisjoint(_names(value, NODE_OUTPUT)):
            nodes.append(raw)
            needed |= set(_names(value, NODE_INPUT)) - given
    return nodes[::-1], needed


def fields(message: memoryview) -> Iterator[Field]:
    """The fields of a message in protobuf's format."""
    place = 0
    while place < len(message):
        begun = place
        key, place = _number(message, place)
        length = 0
        match key & 7:
            case 0:
                _, place = _number(message, place)
            case 1:
                place += 8
            case 2:
                length, place = _number(message, place)
                place += length
            case 5:
                place += 4
            case kind:
                raise ValueError(f"expected a field of protobuf, got kind {kind} at byte {begun}")
        yield key >> 3, message[place - length : place], message[begun:place]


def _names(message: memoryview, number: int) -> list[str]:
    return [str(value, "utf-8") for found, value, _ in fields(message) if found == number]


def _number(message: memoryview, place: int) -> tuple[int, int]:
    """A number of seven bits in each byte, the lowest bits first, and the place behind it."""
    number = shift = 0
    while True:
        byte = message[place]
        number |= (byte & 0x7F) << shift
        place, shift = place + 1, shift + 7
        if byte < 0x80:
            return number, place


def _field(number: int, value: bytes) -> bytes:
    return _packed(number << 3 | 2) + _packed(len(value)) + value


def _packed(number: int) -> bytes:
    made = bytearray()
    while number >= 0x80:
        made.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*made, number])


def _value(name: str, shape: Sequence[int | None]) -> bytes:
    """The description of an input."""
    sizes = b"".join(_field(1, b"" if size is None else b"\x08" + _packed(size)) for size in shape)
    tensor = b"\x08" + _packed(FLOAT) + _field(2, sizes)
    return _field(VALUE_NAME, name.encode()) + _field(VALUE_TYPE, _field(1, tensor))
