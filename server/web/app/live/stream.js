// One connection of the stream `/live`, read to its end.

import { createParser } from "../../vendor/eventsource-parser/index.js";
import { address } from "../api.js";

const SILENT_MS = 40_000; // the server sends a heartbeat every 15 s
const PATH = "live?tiles=true&notes=true";

/**
 * @typedef {object} Ear
 * @property {() => void} onSign  something came, a heartbeat at least
 * @property {(id: string) => void} onId  where to resume from now on
 * @property {(name: string, data: any) => void} onEvent
 */

/** @typedef {"ended" | "silent" | "refused" | "unauthorized"} Ending */

/**
 * Read one connection until it ends.
 * @param {string} seen  id of the last event that was received; empty begins now
 * @param {AbortSignal} signal  ends it
 * @param {Ear} ear
 * @returns {Promise<Ending>}
 * @throws when there is no answer, or the connection breaks
 */
export async function readStream(seen, signal, ear) {
  const broken = new AbortController();
  let silent = false;
  const giveUp = () => {
    silent = true;
    broken.abort();
  };
  let timer = setTimeout(giveUp, SILENT_MS);
  const end = () => broken.abort();
  signal.addEventListener("abort", end);
  try {
    const headers = { Accept: "text/event-stream", ...(seen ? { "Last-Event-ID": seen } : {}) };
    const response = await fetch(address(PATH), { headers, cache: "no-store", signal: broken.signal });
    if (response.status === 401) return "unauthorized";
    if (!response.ok || !response.body) return "refused";
    await read(response.body, ear, () => {
      clearTimeout(timer);
      timer = setTimeout(giveUp, SILENT_MS);
    });
    return "ended";
  } catch (error) {
    if (silent) return "silent";
    throw error;
  } finally {
    clearTimeout(timer);
    signal.removeEventListener("abort", end);
    broken.abort();
  }
}

/**
 * @param {ReadableStream<Uint8Array>} body
 * @param {Ear} ear
 * @param {() => void} onBytes
 */
async function read(body, ear, onBytes) {
  const parser = createParser({ onId: ear.onId, onEvent: ({ event, data }) => ear.onEvent(event ?? "message", JSON.parse(data)) });
  const decoder = new TextDecoder();
  const reader = body.getReader();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    onBytes();
    ear.onSign();
    parser.feed(decoder.decode(value, { stream: true }));
  }
}
