"""Makes Moonshine's networks ready for use; run in a process of its own, since it takes 1.4 GB of memory for a while.

The package has both with 8-bit weights and a step beside each that makes them 32-bit floats, which costs 65 ms at every
token. Here they are loaded and saved with those steps done (14 ms), and the multiplications are then made to take 8-bit
weights themselves (8 ms). What is left of the size is halved: the decoder's two branches share their largest weights,
and the table of what tokens mean is kept in 16 bits, which changes no word.
"""

def _make_one(source: Path, folder: Path, name: str) -> None:
    import onnx
    from onnxruntime import GraphOptimizationLevel
    from onnxruntime.quantization import QuantType, quantize_dynamic

    plain, folded = folder / f"{name}.plain", folder / f"{name}.folded"
    _save(source, plain, GraphOptimizationLevel.ORT_DISABLE_ALL)
    model = onnx.load(plain)
    _name_branches(model)
    onnx.save(model, plain)
    _save(plain, folded, GraphOptimizationLevel.ORT_ENABLE_BASIC)
    plain.unlink()
    quantize_dynamic(
        folded,
        folder / f"{name}.onnx",
        op_types_to_quantize=["MatMul"],
        weight_type=QuantType.QInt8,
        per_channel=True,
        extra_options={"EnableSubgraph": True},
    )
    folded.unlink()


def _save(source: Path, target: Path, level: object) -> None:
    """Load a network and save it, with what can be computed beforehand computed, in the common format."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.graph_optimization_level = level
    options.optimized_model_filepath = str(target)
    options.log_severity_level = 3  # it warns that the result fits this machine alone, which these levels don't cause
    options.add_session_config_entry("session.save_model_format", "ONNX")
    onnxruntime.InferenceSession(str(source), options, providers=["CPUExecutionProvider"])


def _name_branches(model: object) -> None:
    """Name the two nameless branches of the decoder: what loads the file again insists on names."""
    import onnx

    graphs = [
        attribute.g
        for node in model.graph.node  # type: ignore[attr-defined]
        for attribute in node.attribute
        if attribute.type == onnx.AttributeProto.GRAPH
    ]
    for place, graph in enumerate(graphs):
        graph.name = graph.name or f"branch_{place}"


def _say(doing: str, done: float) -> None:
    print(done, file=sys.stdout, flush=True)


if __name__ == "__main__":
    import logging

    logging.disable(logging.WARNING)  # the quantiser advises a step that this recipe replaces
    make(Path(sys.argv[1]), Path(sys.argv[2]), _say)
