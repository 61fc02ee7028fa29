"""Parts of networks, cut out without the package onnx."""

from __future__ import annotations

import numpy as np
import onnxruntime
import pytest

from voicekit_local.engines.cutting import fields, part

SHAPE = (1, None)


@pytest.fixture
def network() -> bytes:
    """out = (a + b) * c, where c is stored in the network."""
    onnx = pytest.importorskip("onnx", reason="needs the package onnx to make a network")
    helper, floats = onnx.helper, onnx.TensorProto.FLOAT
    values = {name: helper.make_tensor_value_info(name, floats, [1, None]) for name in ("a", "b", "out")}
    graph = helper.make_graph(
        [helper.make_node("Add", ["a", "b"], ["sum"]), helper.make_node("Mul", ["sum", "c"], ["out"])],
        "graph",
        [values["a"], values["b"]],
        [values["out"]],
        [helper.make_tensor("c", floats, [1], [3.0]), helper.make_tensor("unused", floats, [200], [0.0] * 200)],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    return bytes(model.SerializeToString())


def run(network: bytes, **given: float) -> float:
    session = onnxruntime.InferenceSession(network, providers=["CPUExecutionProvider"])
    assert {one.name for one in session.get_inputs()} == set(given)
    inputs = {name: np.full((1, 2), value, np.float32) for name, value in given.items()}
    return float(session.run(None, inputs)[0][0, 0])


def test_both_halves_compute_what_the_whole_does(network: bytes) -> None:
    """The first half ends with the value that the second half begins with."""
    first, second = part(network, {}, ["sum"]), part(network, {"sum": SHAPE}, ["out"])
    assert run(network, a=1.0, b=2.0) == 9.0
    assert run(first, a=1.0, b=2.0) == 3.0
    assert run(second, sum=3.0) == 9.0


def test_a_part_has_no_weights_that_it_does_not_use(network: bytes) -> None:
    """What belongs to the other half, or to none, is left out."""
    first, second = part(network, {}, ["sum"]), part(network, {"sum": SHAPE}, ["out"])
    assert b"unused" in network
    assert b"unused" not in first + second
    assert len(first) + len(second) < len(network)


def test_a_file_that_is_no_network_is_refused() -> None:
    """Bytes that are no fields are an error that says where."""
    with pytest.raises(ValueError, match="expected a field of protobuf, got kind 7 at byte 0"):
        list(fields(memoryview(b"\x0f")))
