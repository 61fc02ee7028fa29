"""Recognisers and voices that run on this machine: one file per engine, behind `interface`.

What is heard and said stays here: onnxruntime, which in recent versions reports its use to its makers and keeps an
identifier on the disk, is told not to before it is loaded (github.com/microsoft/onnxruntime/pull/27379).
"""

import os

os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
