"""Smart Turn v3.2: a small neural network that judges whether an utterance is finished. It blocks for about 60 ms.

The first call loads the network in a thread, which takes 0.1 to 0.3 s; later calls use the same network.
"""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import soxr

from voicekit_smart_turn.features import RATE, log_mel

MODEL = Path(__file__).with_name("model") / "smart_turn.onnx"

FULL_SCALE = 32_768.0


def probability(pcm: bytes, rate: int) -> float:
    """How likely it is that the utterance at the end of `pcm` (PCM16 mono at `rate` Hz) is finished. Blocks, so call
    it in a thread.
    """
    sound = np.frombuffer(pcm, "<i2").astype(np.float32) / np.float32(FULL_SCALE)
    if rate != RATE:
        sound = soxr.resample(sound, rate, RATE)
    (verdict,) = network().run(None, {"input_features": log_mel(sound)[None]})
    return min(1.0, max(0.0, float(verdict[0, 0])))


@cache
def network() -> Any:
    """The network. It uses one thread, because other calls may need the other cores."""
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")  # otherwise onnxruntime sends usage data to its makers
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    return onnxruntime.InferenceSession(MODEL, options, providers=["CPUExecutionProvider"])
