// A program that uses the vendor's own package for Node against the addresses in the environment, with the key in the
// first message, as that package sends it, and prints what came back as JSON.
//
//     node --experimental-websocket soniox_node.mjs FILE
//
// FILE holds 16 kHz PCM16 mono.

import { readFileSync } from "node:fs";
import { SonioxNodeClient } from "@soniox/node";

const CHUNK = 3200; // bytes: 100 ms
const PACE_MS = 30; // between chunks: about three times real time
const FINALIZE_AFTER = 20; // chunks

const client = new SonioxNodeClient();
const voice = { model: "tts-rt-v2", voice: "Adrian", language: "en", audio_format: "pcm_s16le", sample_rate: 16000 };
const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

async function transcribe(sound) {
  const session = client.realtime.stt({
    model: "stt-rt-v5",
    audio_format: "pcm_s16le",
    sample_rate: 16000,
    num_channels: 1,
    enable_endpoint_detection: true,
  });
  const heard = { text: "", interims: 0, endpoints: 0, finalized: 0, finished: false, errors: [] };
  session.on("result", (result) => {
    heard.text += result.tokens.filter((token) => token.is_final).map((token) => token.text).join("");
    heard.interims += result.tokens.filter((token) => !token.is_final).length;
  });
  session.on("endpoint", () => (heard.endpoints += 1));
  session.on("finalized", () => (heard.finalized += 1));
  session.on("finished", () => (heard.finished = true));
  session.on("error", (error) => heard.errors.push(String(error)));
  await session.connect();
  for (let number = 0; number * CHUNK < sound.length; number += 1) {
    if (number === FINALIZE_AFTER) {
      session.finalize({ trailing_silence_ms: 0 });
      session.keepAlive();
    }
    session.sendAudio(sound.subarray(number * CHUNK, (number + 1) * CHUNK));
    await sleep(PACE_MS);
  }
  await session.finish();
  return heard;
}

async function listenTo(stream) {
  const heard = { bytes: 0, characters: "", errors: [] };
  const over = new Promise((resolve) => {
    stream.on("audio", (chunk, timestamps) => {
      heard.bytes += chunk.length;
      heard.characters += timestamps ? timestamps.characters.join("") : "";
    });
    stream.on("terminated", resolve);
    stream.on("error", (error) => {
      heard.errors.push(String(error));
      resolve();
    });
  });
  return [heard, over];
}

async function speakTwice() {
  const connection = await client.realtime.tts.multiStream();
  const spoken = {};
  const ends = [];
  for (const [name, text] of [["one", "Hello there."], ["two", "How are you today?"]]) {
    const stream = await connection.stream({ ...voice, stream_id: name, return_timestamps: true });
    const [heard, over] = await listenTo(stream);
    spoken[name] = heard;
    ends.push(over);
    stream.sendText(text, { end: true });
  }
  await Promise.all(ends);
  connection.close();
  return spoken;
}

async function cancelled() {
  const connection = await client.realtime.tts.multiStream();
  const stream = await connection.stream({ ...voice, stream_id: "cut" });
  const [heard, over] = await listenTo(stream);
  const first = new Promise((resolve) => stream.once("audio", resolve));
  stream.sendText("Nobody wants to hear all of this, so it is cancelled. ".repeat(5), { end: true });
  await first;
  stream.cancel();
  await over;
  connection.close();
  return heard;
}

const sound = readFileSync(process.argv[2]);
const said = { heard: await transcribe(sound), spoken: await speakTwice(), cancelled: await cancelled() };
console.log(JSON.stringify(said));
process.exit(0);
