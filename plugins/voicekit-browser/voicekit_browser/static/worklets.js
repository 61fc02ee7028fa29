// Captures, plays and records sound in the audio thread. For voicekit.js, and of no use without it.
//
//   voicekit-capture    microphone -> 20 ms of PCM16 at 16 kHz, with the level
//   voicekit-playback   PCM16 at the bot's rate -> speaker; flush, hold, release; what was heard, to the sample
//   voicekit-recorder   both sides as they sounded here -> PCM16 stereo at 16 kHz, the caller left

const QUANTUM = 128;

/** A streaming resampler: windowed sinc, 24 taps a side at the lower rate, interpolated between 64 phases. */
class Resampler {
  constructor(from, to) {
    this.step = from / to;
    this.taps = 12 * Math.max(1, this.step);
    this.width = Math.ceil(this.taps);
    this.table = Resampler.kernel(this.taps, 1 / Math.max(1, this.step));
    this.buffer = new Float32Array(2 * this.width + 4096);
    this.length = this.width; // starts with silence before the first sample
    this.at = this.width; // the place in the buffer of the next output's centre
  }

  static kernel(taps, cutoff) {
    const table = new Float32Array(Math.ceil(taps) * 64 + 2);
    for (let n = 0; n < table.length; n++) {
      const x = n / 64;
      const sinc = x === 0 ? 1 : Math.sin(Math.PI * x * cutoff) / (Math.PI * x * cutoff);
      table[n] = x >= taps ? 0 : sinc * cutoff * (0.54 + 0.46 * Math.cos((Math.PI * x) / taps));
    }
    return table;
  }

  /** How many input samples must be pushed for `count` more outputs. */
  wanted(count) {
    if (count === 0) return 0;
    return Math.max(0, Math.floor(this.at + (count - 1) * this.step) + this.width + 1 - this.length);
  }

  /** How many outputs can be pulled. */
  get ready() {
    const room = this.length - this.width - this.at;
    return room <= 0 ? 0 : Math.ceil(room / this.step);
  }

  push(samples, start, end) {
    if (this.length + end - start > this.buffer.length) this.compact(end - start);
    for (let n = start; n < end; n++) this.buffer[this.length++] = samples[n];
  }

  compact(room) {
    const first = Math.max(0, Math.floor(this.at) - this.width);
    const kept = this.buffer.subarray(first, this.length);
    const size = kept.length + room > this.buffer.length ? 2 * (kept.length + room) : this.buffer.length;
    const next = size === this.buffer.length ? this.buffer : new Float32Array(size);
    if (next === this.buffer) next.copyWithin(0, first, this.length);
    else next.set(kept);
    this.buffer = next;
    this.length -= first;
    this.at -= first;
  }

  pull(out, start, count) {
    for (let n = 0; n < count; n++) {
      const centre = Math.floor(this.at);
      const part = this.at - centre;
      let sum = 0;
      for (let k = -this.width + 1; k <= this.width; k++) {
        const place = Math.abs(k - part) * 64;
        const whole = Math.floor(place);
        if (whole + 1 < this.table.length) {
          const near = this.table[whole];
          sum += this.buffer[centre + k] * (near + (this.table[whole + 1] - near) * (place - whole));
        }
      }
      out[start + n] = sum;
      this.at += this.step;
    }
  }
}

/** Counts the samples for which `process` was not called: a browser that rebuilds its graph leaves some out. */
class Frames {
  constructor() {
    this.next = null;
  }

  missed() {
    const missed = this.next === null ? 0 : currentFrame - this.next;
    this.next = currentFrame + QUANTUM;
    return missed;
  }
}

const toInt16 = (sample) => Math.max(-32768, Math.min(32767, Math.round(sample * 32768)));

class Capture extends AudioWorkletProcessor {
  constructor() {
    super();
    this.resampler = new Resampler(sampleRate, 16000);
    this.size = 320;
    this.scratch = new Float32Array(this.size);
    this.silence = new Float32Array(QUANTUM);
    this.frames = new Frames();
    this.muted = false;
    this.done = false;
    this.port.onmessage = ({ data }) => {
      if (data.muted !== undefined) this.muted = data.muted;
      if (data.done) this.done = true;
    };
  }

  process([input]) {
    // Without a microphone, or if muted, send silence: the stream never stops, so its times stay correct.
    const sound = input[0] && !this.muted ? input[0] : this.silence;
    for (let missed = this.frames.missed(); missed > 0; missed -= QUANTUM) this.resampler.push(this.silence, 0, QUANTUM);
    this.resampler.push(sound, 0, sound.length);
    while (this.resampler.ready >= this.size) {
      this.resampler.pull(this.scratch, 0, this.size);
      const pcm = new Int16Array(this.size);
      let power = 0;
      for (let n = 0; n < this.size; n++) {
        power += this.scratch[n] * this.scratch[n];
        pcm[n] = toInt16(this.scratch[n]);
      }
      this.port.postMessage({ pcm, level: Math.sqrt(power / this.size), at: currentTime }, [pcm.buffer]);
    }
    return !this.done;
  }
}

const START_S = 0.08; // Seconds of sound that must have arrived before playback starts, or starts again.
const WAIT_S = 0.1; // Seconds after which it starts with less than START_S, for short sounds.
const REPORT_S = 0.05;

class Playback extends AudioWorkletProcessor {
  constructor({ processorOptions: { rate } }) {
    super();
    this.rate = rate;
    this.latency = 0;
    this.gen = 0;
    this.held = false;
    this.done = false;
    this.dry = 0;
    this.reset();
    this.port.onmessage = ({ data }) => this.take(data);
  }

  reset() {
    this.queue = []; // Float32Arrays at the bot's rate
    this.queued = 0; // how many samples are in the queue
    this.offset = 0; // how many samples of the first array have been used
    this.resampler = new Resampler(this.rate, sampleRate);
    this.rendered = 0; // how many samples of this generation have been sent to the speaker
    this.ear = 0; // how many of these have reached the ear by now
    this.way = []; // [time, rendered]: when the rendered sound will reach the ear
    this.sounding = false;
    this.since = null; // the time since which sound has been waiting for more
    this.level = 0;
    this.peak = 0;
    this.count = 0;
    this.advanced = false;
  }

  take(data) {
    if (data.pcm) {
      const pcm = new Int16Array(data.pcm);
      const sound = new Float32Array(pcm.length);
      for (let n = 0; n < pcm.length; n++) sound[n] = pcm[n] / 32768;
      this.queue.push(sound);
      this.queued += sound.length;
      if (this.since === null) this.since = currentTime;
    } else if (data.flush !== undefined) {
      this.report(true);
      const heard = this.rendered;
      this.reset();
      this.port.postMessage({ flushed: this.gen, samples: heard, at: currentTime });
      this.gen = data.flush;
      this.held = false;
    } else if (data.held !== undefined) {
      this.held = data.held;
      this.report(true);
    } else if (data.latency !== undefined) {
      this.latency = data.latency;
    } else if (data.done) {
      this.done = true;
    }
  }

  process(_inputs, [output]) {
    const out = output[0];
    const before = this.rendered;
    if (!this.held) this.render(out);
    for (let n = 0; n < out.length; n++) this.level += out[n] * out[n];
    for (let n = 1; n < output.length; n++) output[n].set(out);
    this.count += out.length;
    if (this.rendered !== before) this.way.push([currentTime + QUANTUM / sampleRate + this.latency, this.rendered]);
    const ear = this.ear;
    while (this.way.length && this.way[0][0] <= currentTime + QUANTUM / sampleRate) this.ear = this.way.shift()[1];
    this.report(this.advanced !== (this.ear > ear), this.ear > ear);
    return !this.done;
  }

  render(out) {
    if (!this.sounding) {
      const waited = this.since === null ? 0 : currentTime - this.since;
      if (this.queued < START_S * this.rate && (this.queued === 0 || waited < WAIT_S)) return;
      this.sounding = true;
    }
    const available = Math.min(out.length, this.feed(out.length));
    this.resampler.pull(out, 0, available);
    if (available < out.length) {
      this.finish(out, available);
      this.sounding = false;
      this.since = this.queued ? currentTime : null;
      this.dry += 1;
    }
  }

  /** Feed the resampler for `count` outputs; returns how many it can give. */
  feed(count) {
    let wanted = this.resampler.wanted(count);
    while (wanted > 0 && this.queue.length) {
      const first = this.queue[0];
      const size = Math.min(wanted, first.length - this.offset);
      this.resampler.push(first, this.offset, this.offset + size);
      this.offset += size;
      this.queued -= size;
      this.rendered += size;
      wanted -= size;
      if (this.offset === first.length) {
        this.queue.shift();
        this.offset = 0;
      }
    }
    return this.resampler.ready;
  }

  /** Play the sound that the resampler holds back, and replace the resampler. */
  finish(out, start) {
    const tail = new Float32Array(this.resampler.width + 1);
    this.resampler.push(tail, 0, tail.length);
    this.resampler.pull(out, start, Math.min(out.length - start, this.resampler.ready));
    this.resampler = new Resampler(this.rate, sampleRate);
  }

  report(now, advanced = this.advanced) {
    this.advanced = advanced;
    if (!now && this.count < REPORT_S * sampleRate) return;
    this.port.postMessage({
      gen: this.gen,
      samples: this.ear,
      rendered: this.rendered,
      playing: advanced && !this.held,
      waiting: this.queued,
      dry: this.dry,
      level: Math.sqrt(this.level / Math.max(1, this.count)),
      at: currentTime,
    });
    this.level = 0;
    this.count = 0;
  }
}

class Recorder extends AudioWorkletProcessor {
  constructor() {
    super();
    this.sides = [new Resampler(sampleRate, 16000), new Resampler(sampleRate, 16000)];
    this.silence = new Float32Array(QUANTUM);
    this.frames = new Frames();
    this.size = 1600;
    this.scratch = [new Float32Array(this.size), new Float32Array(this.size)];
    this.started = null;
    this.done = false;
    this.port.onmessage = () => {
      this.done = true;
    };
  }

  process(inputs) {
    if (this.started === null) this.started = currentTime;
    const missed = this.frames.missed();
    this.sides.forEach((side, n) => {
      for (let gone = 0; gone < missed; gone += QUANTUM) side.push(this.silence, 0, QUANTUM);
      const sound = inputs[n] && inputs[n][0] ? inputs[n][0] : this.silence;
      side.push(sound, 0, sound.length);
    });
    while (this.sides[0].ready >= this.size && this.sides[1].ready >= this.size) {
      const pcm = new Int16Array(2 * this.size);
      this.sides.forEach((side, n) => side.pull(this.scratch[n], 0, this.size));
      for (let n = 0; n < this.size; n++) {
        pcm[2 * n] = toInt16(this.scratch[0][n]);
        pcm[2 * n + 1] = toInt16(this.scratch[1][n]);
      }
      this.port.postMessage({ pcm, started: this.started }, [pcm.buffer]);
    }
    return !this.done;
  }
}

registerProcessor("voicekit-capture", Capture);
registerProcessor("voicekit-playback", Playback);
registerProcessor("voicekit-recorder", Recorder);
