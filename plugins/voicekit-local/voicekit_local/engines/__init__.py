"""Recognisers and voices that run on this machine: one file per engine, all with the same `interface`.

Sound and text stay on this machine. Recent versions of onnxruntime send usage data to its makers and keep an identifier
on the disk; we switch this off before loading onnxruntime (github.com/microsoft/onnxruntime/pull/27379).
"""

import os

os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
