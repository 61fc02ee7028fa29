// Shows on the page what happens in a call. The call itself is in voicekit.js.

import { talk } from "./voicekit.js";

const $ = (id) => document.getElementById(id);
const MOST_EVENTS = 400;
const MOST_FALLS = 30;
const STATES = {
  idle: "Not in a call",
  starting: "Connecting",
  talking: "In a call",
  reconnecting: "Connection lost, reconnecting",
  interrupted: "Paused by the system: press Talk",
  over: "Call ended",
};
const ENDS = {
  caller: "You hung up.",
  bot: "The bot hung up.",
  lost: "The connection was lost, and could not be had again within 10 seconds.",
  gone: "The server has lost this call. Press Talk to begin a new one.",
  drained: "The server stopped.",
  limit: "The call has reached its limit.",
  refused: "The bot did not take this call.",
  error: "The bot failed. The server's log says why.",
  carrier: "The server and this page did not understand each other.",
};
const WRONG_PASSWORD = "That is not the password. After five wrong ones within a minute, none is taken for a while.";

let call = null;
let last = null; // the latest call, whose recording can be saved
let locked = false; // whether the door asks for a password
let holding = false;
let typing = false; // a call without a microphone
let turns = new Map();
let asked = new Map(); // the caller's words, by turn
let caller = null;
let events = 0;

const button = { talk: $("talk"), hold: $("hold"), mute: $("mute") };

// The call.

/** Begin a call; if it begins with a typed `line`, it uses no microphone. */
async function begin({ muted = false, line = "" }) {
  if (call) return;
  typing = Boolean(line);
  complain("");
  const attempt = { hangUp: () => ((attempt.over = true), (call = null), show("idle")) };
  call = attempt;
  show("starting");
  let made;
  try {
    made = await talk({ token, ...window.voicekitOptions, ...(typing ? { microphone: false } : {}) });
  } catch (error) {
    if (attempt.over) return;
    call = null;
    show("wrong");
    complain(locked && error.code === "token" ? WRONG_PASSWORD : error.message);
    return;
  }
  if (attempt.over) {
    made.hangUp();
    return;
  }
  for (const shown of [$("welcome"), $("falls-none"), $("events-none")]) shown?.remove();
  turns = new Map();
  asked = new Map();
  caller = null;
  clear($("transcript"), $("falls"), $("events"));
  call = last = made;
  window.voicekitCall = call; // for use in the console
  call.mute(muted && !holding);
  listen(call);
  show(call.state);
  if (line) call.type(line);
}

async function token() {
  if ((await door) !== "password") return "";
  const answer = await fetch("browser/token", { method: "POST", body: JSON.stringify({ password: $("password").value }) });
  return answer.ok ? (await answer.json()).token : "";
}

function hangUp() {
  call?.hangUp?.();
}

function listen(call) {
  call.on("state", ({ state }) => show(state));
  call.on("end", ({ reason }) => ended(reason));
  call.on("interim", ({ text }) => heardCaller(text, false));
  call.on("final", ({ text }) => heardCaller(text, true));
  call.on("typed", ({ text }) => callerLine(text));
  call.on("pressed", ({ digit }) => callerLine(`Key ${digit}`));
  call.on("turn", ({ turn, text }) => committed(turn, text));
  call.on("said", ({ turn, from, text }) => said(turn, from, text));
  call.on("heard", ({ turn, to }) => heard(turn, to));
  call.on("ended", (event) => turnEnded(event));
  call.on("decided", ({ act, turn }) => decided(act, turn));
  call.on("fall", (fall) => drawFall(fall));
  call.on("line", ({ at, text }) => listEvent(at, text));
  call.on("trouble", () => listEvent(null, "Something went wrong; the call goes on."));
  call.on("deaf", () => listEvent(null, "The recogniser is away for a moment."));
  call.on("microphone", ({ ok, message }) => complain(ok ? "" : message));
}

function ended(reason) {
  call = null;
  show("over");
  const words = ENDS[reason] ?? `The call ended: ${reason}.`;
  if (["caller", "bot"].includes(reason)) note($("transcript"), words);
  else complain(words);
}

// Display.

function show(state) {
  const live = !["idle", "over", "wrong"].includes(state);
  $("state").dataset.state = state === "reconnecting" || state === "interrupted" ? "wrong" : state;
  $("state").textContent = state === "wrong" ? "No call" : STATES[state];
  button.talk.textContent = state === "interrupted" ? "Go on" : live ? "Hang up" : "Talk";
  button.talk.classList.toggle("stop", live && state !== "interrupted");
  button.mute.hidden = !live || typing;
  button.hold.disabled = live && typing;
  for (const id of ["line", "send"]) $(id).disabled = state === "starting";
  $("keypad-open").disabled = !live || state === "starting";
  $("download").disabled = !last;
  if (!live) {
    keypad(false);
    $("level-caller").style.transform = $("level-bot").style.transform = "scaleX(0)";
    setMuted(false);
  }
  $("login").hidden = live || !locked;
}

function complain(message) {
  $("problem").textContent = message;
  $("problem").hidden = !message;
}

function meter() {
  if (call?.levels) {
    for (const side of ["caller", "bot"]) {
      const loud = `scaleX(${Math.max(0, 1 + Math.log10(Math.max(1e-6, call.levels[side])) / 2.5).toFixed(2)})`;
      const bar = $(`level-${side}`);
      if (bar.style.transform !== loud) bar.style.transform = loud; // an unchanged bar is not painted again
    }
    const { latency, underruns, reconnects } = call.statistics;
    text($("latency"), latency === null ? "–" : `${Math.round(latency * 1000)} ms`);
    text($("underruns"), String(underruns));
    text($("reconnects"), String(reconnects));
  }
  requestAnimationFrame(meter);
}

function heardCaller(words, final) {
  caller ??= { row: turnRow("You", "caller"), final: "" };
  if (final) caller.final += words;
  fill(caller.row, [["", caller.final], ["interim", final ? "" : glued(caller.final, words)]]);
}

const glued = (before, words) => (before && words && !before.endsWith(" ") && !words.startsWith(" ") ? ` ${words}` : words);

function callerLine(words) {
  caller = null;
  fill(turnRow("You", "caller"), [["", words]]);
}

function committed(turn, words) {
  if (caller && words) fill(caller.row, [["", words]]);
  caller = null;
  asked.set(turn, words);
  const known = turns.get(turn);
  turns.set(turn, { said: known?.said ?? "", heard: 0, row: turnRow("Bot", "bot"), note: null });
  drawReply(turn);
}

function said(turn, from, words) {
  const reply = turns.get(turn) ?? { said: "", heard: 0, row: null, note: null };
  reply.said = reply.said.slice(0, from) + words;
  turns.set(turn, reply);
  drawReply(turn);
}

function heard(turn, to) {
  const reply = turns.get(turn);
  if (!reply) return;
  reply.heard = to;
  drawReply(turn);
}

function turnEnded({ turn, said, heard, cut }) {
  const reply = turns.get(turn);
  if (!reply?.row) return;
  reply.said = said;
  reply.heard = heard.length;
  reply.row.classList.toggle("cut", cut);
  drawReply(turn);
  annotate(reply, cut ? "Interrupted here" : "", "");
  if (!said.trim()) reply.row.remove();
}

function decided(act, turn) {
  const reply = turns.get(turn);
  if (act === "discard") turns.delete(turn);
  else if (act === "hold" && reply?.row) annotate(reply, "Holding: is that an interruption?", "held");
  else if (act === "release" && reply?.row) annotate(reply, "", "");
}

function drawReply(turn) {
  const { row, said, heard } = turns.get(turn);
  if (!row) return;
  const to = heard + said.slice(heard).search(/\S|$/); // the space after the heard words is not struck out
  fill(row, [["heard", said.slice(0, to)], ["unheard", said.slice(to)]]);
}

function annotate(reply, words, kind) {
  reply.note?.remove();
  reply.note = words ? note(reply.row, words, kind) : null;
}

function turnRow(name, kind) {
  const row = element("div", `turn ${kind}`);
  row.append(element("b", "", name), element("p"));
  append($("transcript"), row);
  return row;
}

function note(where, words, kind = "") {
  const made = element("p", `note ${kind}`, words);
  append(where, made);
  return made;
}

/** Fill the paragraph of a row with spans, each given by its class and its text. */
function fill(row, parts) {
  const spans = parts.filter(([, words]) => words).map(([kind, words]) => element("span", kind, words));
  row.querySelector("p").replaceChildren(...spans);
  keepDown($("transcript"));
}

function drawFall({ turn, bars, seconds, complete }) {
  let fall = $(`fall-${turn}`);
  if (!fall) {
    for (const other of $("falls").children) other.open = false;
    fall = element("details", "fall");
    fall.id = `fall-${turn}`;
    fall.open = true;
    $("falls").prepend(fall);
    while ($("falls").children.length > MOST_FALLS) $("falls").lastChild.remove();
  }
  const summary = element("summary");
  const question = asked.get(turn)?.trim();
  summary.append(element("span", "", question || (turn === 1 ? "Greeting" : `Answer ${turn}`)), element("span", "", `${Math.round(seconds * 1000)} ms${complete ? "" : " …"}`));
  fall.replaceChildren(summary, ...bars.map((bar) => drawBar(bar, seconds)));
}

function drawBar({ name, start, seconds, ahead }, whole) {
  const step = element("div", "step");
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("viewBox", "0 0 100 10");
  svg.setAttribute("preserveAspectRatio", "none");
  svg.setAttribute("aria-hidden", "true");
  const part = (from, to, kind) => {
    const rect = document.createElementNS("http://www.w3.org/2000/svg", "rect");
    const scale = 100 / Math.max(whole, 0.001);
    for (const [key, value] of Object.entries({ x: from * scale, y: 0, width: Math.max(0.6, (to - from) * scale), height: 10, class: kind })) {
      rect.setAttribute(key, value);
    }
    svg.append(rect);
  };
  if (ahead) part(Math.max(0, ahead[0]), ahead[1], "ahead");
  part(start, start + seconds, "wait");
  step.append(element("span", "", name), svg, element("span", "", `${Math.round(seconds * 1000)} ms`));
  step.firstChild.title = name;
  return step;
}

function listEvent(at, words) {
  const item = element("li");
  item.append(element("span", "", at === null ? "" : at.toFixed(2)), element("span", "", words));
  append($("events"), item);
  events += 1;
  while ($("events").children.length > MOST_EVENTS) $("events").firstChild.remove();
}

// Helpers.

function element(tag, kind = "", words = "") {
  const made = document.createElement(tag);
  if (kind) made.className = kind;
  if (words) made.textContent = words;
  return made;
}

const text = (where, words) => where.textContent !== words && (where.textContent = words);
const clear = (...all) => all.forEach((each) => each.replaceChildren());

function append(where, made) {
  where.append(made);
  keepDown(where.id === "events" ? where : $("transcript"));
}

function keepDown(where) {
  if (where.scrollHeight - where.scrollTop - where.clientHeight < 160) where.scrollTop = where.scrollHeight;
}

function setMuted(muted) {
  button.mute.setAttribute("aria-pressed", String(muted));
  button.mute.textContent = muted ? "Unmute" : "Mute";
  call?.mute?.(muted);
}

function keypad(open) {
  $("keypad").hidden = !open;
  $("keypad-open").setAttribute("aria-expanded", String(open));
}

function hold(down) {
  if (holding === down) return;
  holding = down;
  button.hold.classList.toggle("pressed", down);
  if (down && !call) begin({ muted: true });
  else if (call) setMuted(!down);
}

for (const key of "123456789*0#") {
  const made = element("button", "", key);
  made.type = "button";
  made.setAttribute("aria-label", { "*": "star", "#": "pound" }[key] ?? key);
  made.onclick = () => call?.press?.(key);
  $("keypad").append(made);
}

button.talk.onclick = ({ detail }) => {
  if (detail) button.talk.blur(); // after a click, Space is the key to hold while talking
  if (call?.state === "interrupted") call.wake();
  else if (call) hangUp();
  else begin({});
};
button.mute.onclick = () => setMuted(button.mute.getAttribute("aria-pressed") !== "true");
button.hold.onpointerdown = () => hold(true);
for (const over of ["pointerup", "pointercancel", "blur"]) window.addEventListener(over, () => hold(false));
button.hold.addEventListener("keydown", (event) => {
  if (![" ", "Enter"].includes(event.key)) return;
  event.preventDefault();
  hold(true);
});
button.hold.onkeyup = () => hold(false);
button.hold.oncontextmenu = (event) => event.preventDefault();
$("password").onkeydown = (event) => {
  if (event.key !== "Enter") return;
  event.preventDefault();
  begin({});
};
$("keypad-open").onclick = () => keypad($("keypad").hidden);
$("controls").onsubmit = (event) => {
  event.preventDefault();
  const line = $("line").value.trim();
  if (line && call) call.type?.(line);
  else if (line) begin({ line });
  $("line").value = "";
};
$("download").onclick = () => {
  const link = element("a");
  link.href = URL.createObjectURL(last.recording());
  link.download = "call.wav";
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
};
document.addEventListener("keydown", (event) => {
  const busy = event.target.closest("input, button, summary, [contenteditable]");
  if (event.key === "Escape" && call) hangUp();
  else if (busy || event.repeat || event.ctrlKey || event.metaKey || event.altKey) return;
  else if (event.key === " ") (event.preventDefault(), hold(true));
  else if (event.key.toLowerCase() === "m" && call) button.mute.click();
});
document.addEventListener("keyup", (event) => event.key === " " && hold(false));
window.addEventListener("pagehide", hangUp);

const door = fetch("browser/door").then(async (answer) => (await answer.json()).door);
show("idle");
meter();
try {
  locked = (await door) === "password";
  $("login").hidden = Boolean(call) || !locked;
} catch {
  complain("The server does not answer.");
}
