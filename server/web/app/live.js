// The stream of changes: tells which layers changed, a few times a second at most, and comes back after every break.

import { address, identity } from "./api.js";

const AGAIN_MS = 2000;
const SILENT_MS = 60_000; // the server gives a sign of life every 15 s

/**
 * Follow the changes of all layers the reader may see, until stopped.
 * @param {(layers: Set<string>) => void} onChange  ids of layers whose features changed; "*" when anything may have
 * @returns {() => void} stops it
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
      // the connection broke; the page says so by itself, and the numbers tell where to go on
    }
    await new Promise((resolve) => setTimeout(resolve, AGAIN_MS));
  }
}

/**
 * One connection, to its end.
 * @param {(layers: Set<string>) => void} onChange
 * @param {string} seen  number of the last change that was heard of, if any
 * @param {Map<string, number>} versions  of the layers that tiles were last told of
 * @param {AbortSignal} signal
 * @returns {Promise<string>} where to go on
 */
async function follow(onChange, seen, versions, signal) {
  const broken = new AbortController();
  const end = () => broken.abort();
  signal.addEventListener("abort", end);
  let silent = setTimeout(end, SILENT_MS);
  try {
    const headers = { Accept: "text/event-stream", ...identity(), ...(seen ? { "Last-Event-ID": seen } : {}) };
    const answer = await fetch(address("live?tiles=true"), { headers, cache: "no-store", signal: broken.signal });
    if (!answer.ok || !answer.body) return "";
    for await (const event of events(answer.body)) {
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
 * Layers of which a tile may have changed; who missed a notice finds it out by the versions.
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
 * The events of a stream (HTML Living Standard 9.2.6, as far as our server makes use of it); comments as empty ones.
 * @param {ReadableStream<Uint8Array>} body
 */
async function* events(body) {
  const decoder = /** @type {any} */ (new TextDecoderStream()); // its types want another kind of buffer than streams give
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
