/** Talk to a voicekit bot from any page. See the README of voicekit-browser. */

export type TalkProblem =
  | "insecure" | "unsupported" | "denied" | "missing" | "busy" | "unreachable" | "token" | "full" | "protocol";

export class TalkError extends Error {
  readonly code: TalkProblem;
}

export interface TalkOptions {
  /** The server's folder, such as "https://bot.example/browser/". By default, the folder of this module. */
  url?: string | URL;
  /** The token, if the server requires one, or a function that fetches it from your backend. It is valid for 15 s. */
  token?: string | (() => string | Promise<string>);
  /** A stream of your own, or false to type only. By default, the user is asked for the microphone. */
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
  /** "caller", "bot", "lost", "gone" (begin a new call), "drained", "limit", "refused", "error", "carrier" */
  end: { reason: string };
  /** The caller's words so far, which may still change. */
  interim: { text: string };
  /** Final words, each sent once, with the white space before them. */
  final: { text: string };
  typed: { text: string };
  pressed: { digit: string };
  /** The caller has finished; reply `turn` begins. */
  turn: { turn: number; text: string; reason: string };
  /** The bot's words: `text` begins at character `from` of the reply. */
  said: { turn: number; from: number; text: string };
  /** The caller has heard the first `to` characters of the reply. */
  heard: { turn: number; to: number };
  audible: { turn: number };
  ended: { turn: number; said: string; heard: string; cut: boolean };
  decided: { act: string; turn: number | null; why?: string };
  /** With details: how the time before an answer was spent; `seconds` are counted from the caller's last sound. */
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
  /** `latency`: seconds until the last answer; `lost`: seconds without a socket. */
  readonly statistics: { latency: number | null; underruns: number; reconnects: number; lost: number };
  /** The root mean square of the latest sound, 0 to 1. */
  readonly levels: { caller: number; bot: number };
  on<K extends keyof CallEvents>(name: K, listener: (event: CallEvents[K] & { name: K }) => void): () => void;
  on(name: "*", listener: (event: { name: string }) => void): () => void;
  type(text: string): void;
  /** 0-9, *, #, A-D */
  press(digit: string): void;
  mute(muted: boolean): void;
  /** Continue after `interrupted`; call this while handling a click. */
  wake(): Promise<void>;
  hangUp(): void;
  /** WAV at 16 kHz, the caller left and the bot right; at most the last half hour. */
  recording(): Blob;
}

/** Begin a call; call this while handling a click. Rejects with a TalkError. */
export function talk(options?: TalkOptions): Promise<Call>;
