/** Talk to a voicekit bot from any page. See the README of voicekit-browser. */

export type TalkProblem =
  | "insecure" | "unsupported" | "denied" | "missing" | "busy" | "unreachable" | "token" | "full" | "protocol";

export class TalkError extends Error {
  readonly code: TalkProblem;
}

export interface TalkOptions {
  /** The server's folder, such as "https://bot.example/browser/". By default the one that this module came from. */
  url?: string | URL;
  /** For a server that asks for one: the token that your own backend has minted, or what fetches it. Good for 15 s. */
  token?: string | (() => string | Promise<string>);
  /** A stream of your own, or false to type only. By default the microphone is asked for. */
  microphone?: MediaStream | false;
  /** More constraints for the microphone, such as { deviceId }. */
  audio?: MediaTrackConstraints;
  /** Where the bot's sound goes: through an <audio> element (echo is cancelled in every browser), or the context. */
  playback?: "element" | "context";
  /** An AudioContext of your own; it is not closed at the end. */
  context?: AudioContext;
}

export type CallState = "starting" | "talking" | "reconnecting" | "interrupted" | "over";

/** Events by name. `turn` is the number of the bot's reply, from 1. */
export interface CallEvents {
  state: { state: CallState };
  /** "caller", "bot", "lost", "gone" (begin anew), "drained", "limit", "refused", "error", "carrier" */
  end: { reason: string };
  /** The caller's words so far: they may still change. */
  interim: { text: string };
  /** Words that stay, each once, with the white space before them. */
  final: { text: string };
  typed: { text: string };
  pressed: { digit: string };
  /** The caller has finished; reply `turn` begins. */
  turn: { turn: number; text: string; reason: string };
  /** What the bot says: `text` stands from character `from` on. */
  said: { turn: number; from: number; text: string };
  /** The caller has heard the first `to` characters of it. */
  heard: { turn: number; to: number };
  audible: { turn: number };
  ended: { turn: number; said: string; heard: string; cut: boolean };
  decided: { act: string; turn: number | null; why?: string };
  /** With details: where the time of an answer went; `seconds` from the caller's last sound. */
  fall: { turn: number; seconds: number; complete: boolean; bars: Bar[] };
  /** With details: a line for a log. */
  line: { at: number; text: string };
  /** The worklet's own report, 20 times a second while sounding. */
  played: { gen: number; samples: number; rendered: number; playing: boolean; at: number };
  flushed: { flushed: number; samples: number; at: number };
  hold: {};
  release: {};
  microphone: { ok: boolean; message?: string };
}

export interface Bar {
  name: string;
  start: number;
  seconds: number;
  ahead: [number, number] | null;
}

export class Call {
  readonly state: CallState;
  /** `latency`: seconds of the last answer; `lost`: seconds without a socket. */
  readonly statistics: { latency: number | null; underruns: number; reconnects: number; lost: number };
  /** Root mean square of the last moment, 0 to 1. */
  readonly levels: { caller: number; bot: number };
  on<K extends keyof CallEvents>(name: K, listener: (event: CallEvents[K] & { name: K }) => void): () => void;
  on(name: "*", listener: (event: { name: string }) => void): () => void;
  type(text: string): void;
  /** 0-9, *, #, A-D */
  press(digit: string): void;
  mute(muted: boolean): void;
  /** Go on after `interrupted`; call it in a click. */
  wake(): Promise<void>;
  hangUp(): void;
  /** WAV at 16 kHz, the caller left and the bot right; at most the last half hour. */
  recording(): Blob;
}

/** Begin a call; call it in a click. Rejects with a TalkError. */
export function talk(options?: TalkOptions): Promise<Call>;
