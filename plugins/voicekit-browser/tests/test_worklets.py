"""The playback worklet in Node: each sample is rendered once, at any pair of rates; it is dry only at the end."""

from __future__ import annotations

import json
import subprocess

import pytest

from voicekit_browser.files import STATIC

SCRIPT = """
const kinds = {};
global.currentTime = 0;
global.AudioWorkletProcessor = class { constructor() { this.port = { postMessage() {} }; } };
global.registerProcessor = (name, kind) => { kinds[name] = kind; };
global.sampleRate = %d;
eval(require("fs").readFileSync(%s, "utf8"));
const rate = %d;
const playback = new kinds["voicekit-playback"]({ processorOptions: { rate } });
const pcm = Int16Array.from({ length: 2 * rate }, (_, n) => 8000 * Math.sin((2 * Math.PI * 400 * n) / rate));
playback.take({ pcm: pcm.buffer });
let energy = 0;
for (let n = 0; n < (2.5 * sampleRate) / 128; n++) {
  const out = new Float32Array(128);
  playback.process([], [[out]]);
  global.currentTime += 128 / sampleRate;
  for (const sample of out) energy += sample * sample;
}
const whole = 2 * sampleRate * 0.5 * (8000 / 32768) ** 2;
console.log(JSON.stringify({ dry: playback.dry, rendered: playback.rendered, energy: energy / whole }));
"""


@pytest.mark.needs_debian("nodejs", "node")
@pytest.mark.parametrize("out", [44_100, 48_000])
@pytest.mark.parametrize("rate", [8_000, 16_000, 24_000, 48_000])
def test_two_seconds_are_rendered_whole(rate: int, out: int) -> None:
    """Count and energy of a tone; one sample too few in a quantum would have it begin anew each time."""
    script = SCRIPT % (out, json.dumps(str(STATIC / "worklets.js")), rate)
    done = subprocess.run(["node", "-e", script], capture_output=True, text=True, timeout=60, check=True)
    found = json.loads(done.stdout)
    assert (found["dry"], found["rendered"]) == (1, 2 * rate)
    assert found["energy"] == pytest.approx(1.0, abs=0.01)
