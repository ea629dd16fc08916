// The stream of changes: reports changed layers, at most a few times a second, and reconnects after every interruption.

import { address } from "./api.js";

const AGAIN_MS = 2000;
const SILENT_MS = 60_000; // the server sends a heartbeat every 15 s

/**
 * Follow the changes of all visible layers until stopped.
 * @param {(layers: Set<string>) => void} onChange  ids of layers whose features changed; "*" when any layer may have
 * @returns {() => void} stops the stream
 */
export function followChanges(onChange) {
  const stopping = new AbortController();
  void keepFollowing(onChange, stopping.signal);
  return () => stopping.abort();
}

/**
 * @param {(layers: Set<string>) => void} onChange
 * @param {AbortSignal} signal
 */
async function keepFollowing(onChange, signal) {
  let seen = "";
  const versions = new Map();
  while (!signal.aborted) {
    try {
      seen = await follow(onChange, seen, versions, signal);
    } catch {
      // the connection broke; the page shows that itself, and `seen` is where to resume
    }
    await new Promise((resolve) => setTimeout(resolve, AGAIN_MS));
  }
}

/**
 * Read one connection to its end.
 * @param {(layers: Set<string>) => void} onChange
 * @param {string} seen  number of the last received change; empty at first
 * @param {Map<string, number>} versions  version of each layer in its last notice
 * @param {AbortSignal} signal
 * @returns {Promise<string>} number of the last received change
 */
async function follow(onChange, seen, versions, signal) {
  const broken = new AbortController();
  const end = () => broken.abort();
  signal.addEventListener("abort", end);
  let silent = setTimeout(end, SILENT_MS);
  try {
    const headers = { Accept: "text/event-stream", ...(seen ? { "Last-Event-ID": seen } : {}) };
    const response = await fetch(address("live?tiles=true"), { headers, cache: "no-store", signal: broken.signal });
    if (response.status === 401) onChange(new Set(["*"])); // the session has ended: whoever asks next learns it
    if (!response.ok || !response.body) return "";
    for await (const event of events(response.body)) {
      clearTimeout(silent);
      silent = setTimeout(end, SILENT_MS);
      seen = event.id || seen;
      if (event.name === "changes") onChange(new Set(JSON.parse(event.data).map((/** @type {any} */ change) => change.layer)));
      else if (event.name === "tiles") onChange(redrawn(JSON.parse(event.data), versions));
      else if (event.name === "resync") onChange(new Set(["*"]));
    }
    return seen;
  } finally {
    clearTimeout(silent);
    signal.removeEventListener("abort", end);
    broken.abort();
  }
}

/**
 * Layers with a tile that may have changed; a gap in the versions means a missed notice.
 * @param {{ layer: string, since: number, version: number, sets: object | null }[]} notices
 * @param {Map<string, number>} versions
 */
function redrawn(notices, versions) {
  const found = new Set();
  for (const { layer, since, version, sets } of notices) {
    const missed = (versions.get(layer) ?? since) !== since;
    const nowhere = sets !== null && Object.keys(sets).length === 0;
    if (missed || !nowhere) found.add(layer);
    versions.set(layer, version);
  }
  return found;
}

/**
 * The events of a stream (the part of HTML Living Standard 9.2.6 that our server uses); a comment is an empty event.
 * @param {ReadableStream<Uint8Array>} body
 */
async function* events(body) {
  const decoder = /** @type {any} */ (new TextDecoderStream()); // its types expect another buffer than streams give
  const reader = /** @type {ReadableStream<string>} */ (body.pipeThrough(decoder)).getReader();
  let rest = "";
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    const blocks = (rest + value).split("\n\n");
    rest = blocks.pop() ?? "";
    for (const block of blocks) yield eventOf(block);
  }
}

/** @param {string} block */
function eventOf(block) {
  const event = { id: "", name: "", data: "" };
  for (const line of block.split("\n")) {
    if (line.startsWith("id: ")) event.id = line.slice(4);
    else if (line.startsWith("event: ")) event.name = line.slice(7);
    else if (line.startsWith("data: ")) event.data += line.slice(6);
  }
  return event;
}
