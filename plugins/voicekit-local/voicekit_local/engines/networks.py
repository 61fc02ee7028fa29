"""Makes Moonshine's networks ready for use. Runs in a separate process, since it takes 1.4 GB of memory for a while.

In the package, both networks have 8-bit weights, and convert them to 32-bit floats in each run, so a token takes 65 ms.
Here we load and save the networks with the conversion done (14 ms for a token), and then make the multiplications use
8-bit weights directly (8 ms). To make the decoder smaller, its two branches (one for the first run, one for later runs)
share their largest weights, and its embedding table is kept in 16 bits. This changes no words in the results.
"""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Final

from voicekit_local.engines.interface import Progress

if TYPE_CHECKING:
    from onnx import GraphProto, ModelProto

NETWORKS: Final = ("encoder_model", "decoder_model_merged")
SHARES: Final = {"encoder_model": 0.15, "decoder_model_merged": 0.85}  # each network's share of the total time
SIZES: Final = "sizes.json"
"""The file with the lengths of the other files; it is written last."""
DOING: Final = "preparing the recogniser, this once"
LARGE: Final = 10_000_000  # the minimum size of weights that are worth changing, in bytes


def make(source: Path, folder: Path, progress: Progress) -> None:
    """Write NETWORKS as ONNX files into `folder`, made from the `.ort` files in `source`."""
    done = 0.0
    for name in NETWORKS:
        _make_one(source / f"{name}.ort", folder, name)
        done += SHARES[name]
        progress(DOING, done)
    sizes = {path.name: path.stat().st_size for path in folder.glob("*.onnx")}
    (folder / SIZES).write_text(json.dumps(sizes), encoding="utf-8")


def _make_one(source: Path, folder: Path, name: str) -> None:
    import onnx
    from onnxruntime import GraphOptimizationLevel
    from onnxruntime.quantization import QuantType, quantize_dynamic

    plain, folded, ready = folder / f"{name}.plain", folder / f"{name}.folded", folder / f"{name}.onnx"
    _save(source, plain, GraphOptimizationLevel.ORT_DISABLE_ALL)
    model = onnx.load(plain)
    for place, graph in enumerate(_graphs(model.graph)):
        graph.name = graph.name or f"graph_{place}"  # the code that loads the file again requires names
    onnx.save(model, plain)
    _save(plain, folded, GraphOptimizationLevel.ORT_ENABLE_BASIC)
    plain.unlink()
    quantize_dynamic(
        folded,
        ready,
        op_types_to_quantize=["MatMul"],
        weight_type=QuantType.QInt8,
        per_channel=True,
        extra_options={"EnableSubgraph": True},
    )
    folded.unlink()
    model = onnx.load(ready)
    _share_weights(model)
    _halve_tables(model)
    onnx.save(model, ready)


def _save(source: Path, target: Path, level: object) -> None:
    """Load a network and save it in the common format, with all constants computed."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.graph_optimization_level = level
    options.optimized_model_filepath = str(target)
    options.log_severity_level = 3  # silences a warning that does not apply to these optimisations
    options.add_session_config_entry("session.save_model_format", "ONNX")
    onnxruntime.InferenceSession(str(source), options, providers=["CPUExecutionProvider"])


def _share_weights(model: ModelProto) -> None:
    """Keep only one copy, outside the branches, of large weights that all branches have."""
    main, *branches = _graphs(model.graph)
    for weight in [weight for branch in branches[:1] for weight in branch.initializer if len(weight.raw_data) > LARGE]:
        copies = [(branch, other) for branch in branches for other in branch.initializer if other.name == weight.name]
        if len(copies) == len(branches) and all(other.raw_data == weight.raw_data for _, other in copies):
            main.initializer.append(weight)
            for branch, other in copies:
                branch.initializer.remove(other)


def _halve_tables(model: ModelProto) -> None:
    """Store large tables in 16 bits if only rows of them are looked up; the rows are converted back to 32 bits."""
    import numpy as np
    from onnx import TensorProto, helper, numpy_helper

    graphs = list(_graphs(model.graph))
    for table in model.graph.initializer:
        users = [(graph, node) for graph in graphs for node in graph.node if table.name in node.input]
        if table.data_type != TensorProto.FLOAT or len(table.raw_data) < LARGE:
            continue
        if any(node.op_type != "Gather" for _, node in users):
            continue
        for graph, node in users:
            row, node.output[0] = node.output[0], f"{node.output[0]}_half"
            widened = helper.make_node("Cast", [node.output[0]], [row], to=TensorProto.FLOAT)
            graph.node.insert(list(graph.node).index(node) + 1, widened)
        half = numpy_helper.to_array(table).astype(np.float16)
        table.CopyFrom(numpy_helper.from_array(half, table.name))


def _graphs(graph: GraphProto) -> Iterator[GraphProto]:
    """A graph and its branches."""
    import onnx

    yield graph
    for node in graph.node:
        for attribute in node.attribute:
            if attribute.type == onnx.AttributeProto.GRAPH:
                yield from _graphs(attribute.g)


def _say(doing: str, done: float) -> None:
    print(done, file=sys.stdout, flush=True)


if __name__ == "__main__":
    logging.disable(logging.WARNING)  # the quantiser recommends a step that this recipe replaces
    make(Path(sys.argv[1]), Path(sys.argv[2]), _say)
