// Talk to a voicekit bot from any page: one ES module, without dependencies or a build step.
//
//   import { talk } from "https://bot.example/browser/voicekit.js";
//   button.onclick = async () => {
//     const call = await talk({ token: () => fetch("/my/token", { method: "POST" }).then((answer) => answer.text()) });
//     call.on("said", ({ text }) => console.log("bot:", text));
//     call.on("final", ({ text }) => console.log("you:", text));
//     call.on("end", ({ reason }) => console.log("over:", reason));
//   };
//
// Call `talk` while handling a click, or the browser plays no sound. The types are in voicekit.d.ts, and the wire is in
// the README. The captured frames, 50 a second, serve as the clock, because browsers slow down a hidden page's timers.

const HEARD_RATE = 16000;
const KEPT_FRAMES = 750; // 15 s of the caller's sound can be sent again
const QUEUED_BYTES = 64 * 1024; // with more than this waiting, the socket is stuck, and sound is kept back
const SILENT_S = 4.5; // the socket is lost if the server, which pings every 2 s, is silent for this long
const FIRST_S = 10; // for the first answer: the network may be slow, or the server may have to wake up
const RESUME_S = 10;
const FIRST_WAIT_S = 0.25; // the first delay between two attempts; it doubles each time
const LONGEST_WAIT_S = 4;
const RECORDED_S = 30 * 60; // the last half hour of the recording is kept

const PROBLEMS = {
  insecure: "A microphone needs https, or localhost.",
  unsupported: "This browser has no AudioWorklet. A current Chrome, Firefox, Edge or Safari has.",
  denied: "The microphone is not allowed. Allow it in the browser's address bar, and try again.",
  missing: "No microphone was found. Connect one, or type instead.",
  busy: "The microphone is used by another program.",
  unreachable: "The server does not answer.",
  token: "The server did not accept the token.",
  full: "No more calls can be taken now. Try again later.",
  protocol: "The server and this page do not understand each other.",
};

const BY_CODE = { 4401: "token", 4404: "gone", 4408: "unreachable", 4413: "full", 4400: "protocol", 1009: "protocol" };

const BY_NAME = {
  NotAllowedError: "denied",
  SecurityError: "denied",
  NotFoundError: "missing",
  OverconstrainedError: "missing",
  NotReadableError: "busy",
  AbortError: "busy",
};

/** Why there is no call: `code` is one of the names in PROBLEMS. */
export class TalkError extends Error {
  constructor(code, cause) {
    super(PROBLEMS[code] ?? code, { cause });
    this.name = "TalkError";
    this.code = code;
  }
}

/** Begin a call. Resolves when the server has admitted it; rejects with a TalkError. */
export async function talk(options = {}) {
  const call = new Call(options);
  try {
    await call._begin();
  } catch (error) {
    call._close();
    throw error instanceof TalkError ? error : new TalkError("unreachable", error);
  }
  return call;
}

export class Call {
  constructor(options) {
    this.state = "starting"; // starting, talking, reconnecting, interrupted, over
    this.statistics = { latency: null, underruns: 0, reconnects: 0, lost: 0 };
    this.levels = { caller: 0, bot: 0 };
    this._options = options;
    this._base = new URL(".", options.module ?? import.meta.url);
    this._listeners = new Map();
    this._resume = null;
    this._gen = 0;
    this._got = 0;
    this._played = { gen: 0, samples: 0 };
    this._events = 0;
    this._frames = []; // the latest frames captured from the caller
    this._captured = 0; // how many frames have been captured so far
    this._sent = 0; // how many frames have been sent so far
    this._entries = [];
    this._entered = 0;
    this._recorded = [];
    this._recordedSamples = 0;
    this._lost = null; // performance.now() when the socket was lost
    this._tries = 0;
    this._silent = performance.now();
    this._turns = new Set();
  }

  /** Call `listener` with each event called `name`, or with all for "*". Returns a function that stops this. */
  on(name, listener) {
    if (!this._listeners.has(name)) this._listeners.set(name, new Set());
    this._listeners.get(name).add(listener);
    return () => this._listeners.get(name).delete(listener);
  }

  /** Type a line to the bot. */
  type(text) {
    this._enter({ type: "text", text });
  }

  /** Press a telephone key: 0-9, *, #, A-D. */
  press(digit) {
    this._enter({ type: "dtmf", digit });
  }

  /** Let the bot hear silence if `muted`: for a mute button, or a button to be held while talking. */
  mute(muted) {
    this.muted = muted;
    this._capture?.port.postMessage({ muted });
  }

  /** Hang up. */
  hangUp() {
    this._send({ type: "bye" });
    this._end("caller");
  }

  /** Both sides as they sounded here, as a WAV file: the caller on the left, the bot on the right. */
  recording() {
    return wav(this._recorded, HEARD_RATE);
  }

  async _begin() {
    if (!globalThis.isSecureContext) throw new TalkError("insecure");
    if (!globalThis.AudioWorkletNode) throw new TalkError("unsupported");
    this._context = this._options.context ?? new AudioContext({ latencyHint: "interactive" });
    const resumed = this._context.resume(); // while handling the click, or autoplay rules keep it silent
    this._context.onstatechange = () => this._contextChanged();
    if (this._options.microphone !== false) await this._openMicrophone();
    await this._context.audioWorklet.addModule(new URL("worklets.js", this._base));
    await resumed;
    this._buildCapture();
    this._heartbeat = setInterval(() => this._tick(), 500); // needed only if the page has lost its sound
    this._watchDevices();
    await this._connectFirst();
  }

  async _openMicrophone() {
    if (this._options.microphone) {
      this._stream = this._options.microphone;
      return;
    }
    const audio = { echoCancellation: true, noiseSuppression: true, autoGainControl: true, channelCount: 1 };
    try {
      this._stream = await navigator.mediaDevices.getUserMedia({ audio: { ...audio, ...this._options.audio } });
    } catch (error) {
      throw new TalkError(BY_NAME[error.name] ?? "missing", error);
    }
    this._ours = true;
  }

  _buildCapture() {
    const context = this._context;
    this._capture = new AudioWorkletNode(context, "voicekit-capture", { numberOfOutputs: 0 });
    this._capture.port.onmessage = ({ data }) => this._heardFrame(data);
    if (this.muted) this.mute(true);
    this._recorder = new AudioWorkletNode(context, "voicekit-recorder", { numberOfInputs: 2, numberOfOutputs: 0 });
    this._recorder.port.onmessage = ({ data }) => this._record(data);
    this._connectMicrophone();
  }

  _connectMicrophone() {
    this._source?.disconnect();
    if (!this._stream) return;
    this._source = this._context.createMediaStreamSource(this._stream);
    this._source.connect(this._capture);
    this._source.connect(this._recorder, 0, 0);
    for (const track of this._stream.getAudioTracks()) track.onended = () => this._microphoneLost();
  }

  _buildPlayback(rate) {
    const context = this._context;
    this._playback = new AudioWorkletNode(context, "voicekit-playback", {
      numberOfInputs: 0,
      outputChannelCount: [1],
      processorOptions: { rate },
    });
    this._playback.port.onmessage = ({ data }) => this._playedSome(data);
    this._playback.connect(this._recorder, 0, 1);
    if (this._options.playback === "context") {
      this._playback.connect(context.destination);
      return;
    }
    // The browser's echo canceller knows what an element plays, but not always what WebAudio plays.
    const route = context.createMediaStreamDestination();
    this._playback.connect(route);
    this._element = new Audio();
    this._element.srcObject = route.stream;
    this._element.play().catch(() => this._fallBackToContext(route));
  }

  _fallBackToContext(route) {
    if (this.state === "over") return;
    this._playback.disconnect(route);
    this._playback.connect(this._context.destination);
  }

  async _watchDevices() {
    this._devicesChanged = () => this._microphoneLost(true);
    navigator.mediaDevices?.addEventListener?.("devicechange", this._devicesChanged);
  }

  /** If a device was removed or added, capture from the present default. */
  async _microphoneLost(onlyIfOurs = false) {
    const live = this._stream?.getAudioTracks().some((track) => track.readyState === "live");
    if (!this._ours || this.state === "over" || (onlyIfOurs && live)) return;
    for (const track of this._stream.getTracks()) track.stop();
    try {
      await this._openMicrophone();
      this._connectMicrophone();
      this._emit("microphone", { ok: true });
    } catch (error) {
      this._emit("microphone", { ok: false, message: error.message });
    }
  }

  _contextChanged() {
    const state = this._context.state;
    if (this.state === "over") return;
    if (state === "running") {
      if (this.state === "interrupted") this._become(this._socket ? "talking" : "reconnecting");
      this._skipMissing();
    } else if (this.state === "talking") {
      this._stopped = performance.now(); // there is a telephone call on iOS, or a click is needed
      this._become("interrupted");
    }
  }

  /** Continue after an interruption; call this while handling a click. */
  async wake() {
    await this._context.resume();
    await this._element?.play?.();
  }

  /** Add a gap to the caller's sound for the time in which nothing was captured. */
  _skipMissing() {
    if (this._stopped === undefined) return;
    const samples = Math.round(((performance.now() - this._stopped) / 1000) * HEARD_RATE);
    this._stopped = undefined;
    this._frames.push({ samples });
    this._captured += 1;
    this._flow();
  }

  // The socket.

  get _address() {
    const address = new URL("socket", this._options.url ?? this._base);
    address.protocol = address.protocol.replace("http", "ws");
    return address;
  }

  async _connectFirst() {
    const { token } = this._options;
    const given = typeof token === "function" ? await token() : token;
    await new Promise((resolve, reject) => {
      this._first = { resolve, reject };
      this._connect({ type: "start", token: given ?? "", client: "voicekit.js 0.2.0" });
    });
    this._first = null;
  }

  _connect(first) {
    const socket = new WebSocket(this._address, "voicekit.v1");
    socket.binaryType = "arraybuffer";
    this._opening = socket;
    this._silent = performance.now();
    socket.onopen = () => socket.send(JSON.stringify(first));
    socket.onmessage = ({ data }) => {
      if (socket === this._opening || socket === this._socket) this._take(data, socket);
    };
    socket.onclose = ({ code }) => {
      if (socket === this._opening || socket === this._socket) this._closed(code);
    };
  }

  _closed(code) {
    this._socket = this._opening = null;
    const problem = BY_CODE[code];
    if (this._first) {
      this._first.reject(new TalkError(problem ?? "unreachable"));
    } else if (problem === "gone") {
      this._end("gone");
    } else if (this.state !== "over") {
      this._lose();
    }
  }

  /** Drop the socket, and connect again for RESUME_S: first immediately, then with growing pauses. */
  _lose() {
    const socket = this._socket ?? this._opening;
    this._socket = this._opening = null;
    socket?.close();
    const now = performance.now();
    if (this._lost === null) {
      this._lost = now;
      this._tries = 0;
      this._become("reconnecting");
    }
    const wait = this._tries === 0 ? 0 : Math.min(LONGEST_WAIT_S, FIRST_WAIT_S * 2 ** (this._tries - 1));
    this._next = now + 1000 * wait * (0.75 + Math.random() / 2);
    this._tick();
  }

  /** Called by the clock: notice a silent server, and connect again when it is time. */
  _tick() {
    if (this.state === "over") return;
    const now = performance.now();
    if ((this._socket || this._opening) && now - this._silent > 1000 * SILENT_S && !this._first) {
      this._lose();
    } else if (this._opening && this._first && now - this._silent > 1000 * FIRST_S) {
      this._opening.close();
      this._closed(4408);
    } else if (this._lost !== null && !this._socket && !this._opening) {
      if (now - this._lost > 1000 * RESUME_S) this._end("lost");
      else if (now >= this._next) {
        this._tries += 1;
        const spot = { gen: this._gen, got: this._got, events: this._events };
        const played = this._played.gen === this._gen ? this._played.samples : 0;
        this._connect({ type: "resume", token: this._resume, ...spot, played });
      }
    }
  }

  _take(data, socket) {
    this._silent = performance.now();
    if (typeof data !== "string") {
      const samples = data.byteLength / 2;
      this._got += samples;
      this._playback.port.postMessage({ pcm: data }, [data]);
      return;
    }
    const message = JSON.parse(data);
    switch (message.type) {
      case "welcome":
        this._resume = message.resume;
        this._buildPlayback(message.spoken);
        this._carry(socket, { heard: 0, entered: 0 });
        this._first.resolve();
        break;
      case "resumed":
        if (message.gen !== this._gen) this._flush(message.gen);
        this._playback.port.postMessage({ held: message.held });
        this.statistics.reconnects += 1;
        this.statistics.lost += (performance.now() - this._lost) / 1000;
        this._carry(socket, message);
        break;
      case "gone":
        this._end("gone");
        break;
      case "flush":
        this._flush(message.gen);
        break;
      case "hold":
      case "release":
        this._playback.port.postMessage({ held: message.type === "hold" });
        this._emit(message.type, {});
        break;
      case "ping":
        this._send({ type: "pong", n: message.n });
        break;
      case "event":
        this._events = message.n;
        this._happened(message);
        break;
      case "bye":
        this._end(message.reason);
        break;
    }
  }

  /** Carry the call on `socket`; the server already has `heard` samples and `entered` entries. */
  _carry(socket, { heard, entered }) {
    this._socket = socket;
    this._opening = null;
    this._lost = null;
    this._entries = this._entries.filter(({ n }) => n > entered);
    for (const entry of this._entries) this._send(entry);
    const first = this._captured - this._frames.length;
    let samples = this._dropped ?? 0;
    let frame = 0;
    while (frame < this._frames.length && samples + size(this._frames[frame]) <= heard) samples += size(this._frames[frame++]);
    if (samples > heard) this._send({ type: "skip", samples: samples - heard });
    else if (samples < heard && frame < this._frames.length) {
      const part = this._frames[frame++];
      if (part.pcm) socket.send(part.pcm.slice(heard - samples));
      else this._send({ type: "skip", samples: samples + part.samples - heard });
    }
    this._sent = first + frame;
    this._flow();
    this._become(this._context.state === "running" ? "talking" : "interrupted");
  }

  _send(message) {
    if (this._socket?.readyState === WebSocket.OPEN) this._socket.send(JSON.stringify(message));
  }

  _enter(message) {
    const entry = { ...message, n: ++this._entered };
    this._entries.push(entry);
    if (this._entries.length > 100) this._entries.shift();
    this._send(entry);
  }

  // Sound.

  _heardFrame({ pcm, level }) {
    this.levels.caller = level;
    this._frames.push({ pcm });
    this._captured += 1;
    if (this._frames.length > KEPT_FRAMES) this._dropped = (this._dropped ?? 0) + size(this._frames.shift());
    this._flow();
    this._tick();
  }

  /** Send the frames that have been captured but not sent, unless the socket is stuck. */
  _flow() {
    const first = this._captured - this._frames.length;
    if (this._sent < first) this._sent = first;
    while (this._sent < this._captured) {
      if (this._socket?.readyState !== WebSocket.OPEN || this._socket.bufferedAmount > QUEUED_BYTES) return;
      const frame = this._frames[this._sent++ - first];
      if (frame.pcm) this._socket.send(frame.pcm);
      else this._send({ type: "skip", samples: frame.samples });
    }
  }

  _flush(gen) {
    this._gen = gen;
    this._got = 0;
    this._reported = null;
    this._playback.port.postMessage({ flush: gen });
  }

  _playedSome(data) {
    if (data.flushed !== undefined) {
      this._emit("flushed", data);
      return;
    }
    this.levels.bot = data.level;
    this._played = data;
    this._playback.port.postMessage({ latency: this._latency });
    if (data.gen === this._gen && (data.playing || data.samples !== this._reported)) {
      this._reported = data.samples;
      this._send({ type: "played", gen: data.gen, samples: data.samples, playing: data.playing });
    }
    this._emit("played", data);
  }

  /** Seconds from the worklet to the ear, as far as the browser knows. */
  get _latency() {
    const { outputLatency = 0, baseLatency = 0 } = this._context;
    return outputLatency || baseLatency;
  }

  _record({ pcm, started }) {
    this._recordedFrom ??= started;
    this._recorded.push(pcm);
    this._recordedSamples += pcm.length / 2;
    while (this._recordedSamples > RECORDED_S * HEARD_RATE) this._recordedSamples -= this._recorded.shift().length / 2;
  }

  // Events and states.

  _happened(event) {
    if (event.name === "late") this.statistics.underruns += 1;
    if (event.name === "fall" && event.complete) this.statistics.latency = event.seconds;
    this._emit(event.name, event);
  }

  _become(state) {
    if (this.state === state || this.state === "over") return;
    this.state = state;
    this._emit("state", { state });
  }

  /** End the call: "caller" or "bot" hung up, the network failed ("lost", "gone"), or the server stops ("drained"). */
  _end(reason) {
    if (this.state === "over") return;
    this._become("over");
    this._close();
    this._emit("end", { reason });
  }

  _close() {
    this.state = "over";
    clearInterval(this._heartbeat);
    navigator.mediaDevices?.removeEventListener?.("devicechange", this._devicesChanged);
    const socket = this._socket ?? this._opening;
    this._socket = this._opening = null;
    socket?.close(1000);
    for (const node of [this._capture, this._playback, this._recorder]) {
      node?.port.postMessage({ done: true });
      node?.disconnect();
    }
    this._source?.disconnect();
    if (this._element) this._element.srcObject = null;
    if (this._ours) for (const track of this._stream.getTracks()) track.stop();
    if (this._context && !this._options.context) this._context.close();
  }

  _emit(name, event) {
    for (const key of [name, "*"]) {
      for (const listener of this._listeners.get(key) ?? []) listener({ name, ...event });
    }
  }
}

const size = (frame) => (frame.pcm ? frame.pcm.length : frame.samples);

function wav(chunks, rate) {
  const bytes = chunks.reduce((sum, chunk) => sum + chunk.byteLength, 0);
  const header = new DataView(new ArrayBuffer(44));
  const text = (at, value) => [...value].forEach((letter, n) => header.setUint8(at + n, letter.charCodeAt(0)));
  text(0, "RIFF");
  header.setUint32(4, 36 + bytes, true);
  text(8, "WAVEfmt ");
  header.setUint32(16, 16, true);
  header.setUint16(20, 1, true);
  header.setUint16(22, 2, true);
  header.setUint32(24, rate, true);
  header.setUint32(28, rate * 4, true);
  header.setUint16(32, 4, true);
  header.setUint16(34, 16, true);
  text(36, "data");
  header.setUint32(40, bytes, true);
  return new Blob([header, ...chunks], { type: "audio/wav" });
}
