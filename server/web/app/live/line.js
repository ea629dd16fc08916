// How a page reaches the hub of its browser: a shared worker; where there is none, the hub of one elected tab; where tabs
// cannot be elected either (a lock needs HTTPS), a hub of its own.

import { Hub } from "./hub.js";

/** @typedef {import("./hub.js").FromHub} FromHub */
/** @typedef {import("./hub.js").ToHub} ToHub */
/** @typedef {(message: ToHub) => void} Send */

const NAME = `onemap.live ${import.meta.url}`; // its version: tabs of another one have their own

/**
 * @param {(message: FromHub) => void} hear
 * @param {() => void} onHub  there is a hub, or another one than before: it is to be greeted
 * @returns {{ send: Send }}
 */
export function openLine(hear, onHub) {
  const line = { send: /** @type {Send} */ (() => {}) };
  const instead = () => void (line.send = "locks" in navigator && "BroadcastChannel" in self ? elected(hear, onHub) : own(hear, onHub));
  if ("SharedWorker" in self) line.send = ofWorker(hear, onHub, instead);
  else instead();
  return line;
}

/**
 * @param {(message: FromHub) => void} hear
 * @param {() => void} onHub
 * @param {() => void} onError
 * @returns {Send}
 */
function ofWorker(hear, onHub, onError) {
  const worker = new SharedWorker(new URL("./worker.js", import.meta.url), { type: "module", name: "onemap.live" });
  worker.addEventListener("error", onError, { once: true });
  worker.port.addEventListener("message", ({ data }) => hear(data));
  worker.port.start();
  queueMicrotask(onHub);
  return (message) => worker.port.postMessage(message);
}

/**
 * @param {(message: FromHub) => void} hear
 * @param {() => void} onHub
 * @returns {Send}
 */
function own(hear, onHub) {
  const hub = new Hub();
  queueMicrotask(onHub);
  return (message) => hub.hear("own", message, hear);
}

/**
 * The tab that holds the lock has the hub, and answers the others on a channel; when it is closed, the next one has it.
 * @param {(message: FromHub) => void} hear
 * @param {() => void} onHub
 * @returns {Send}
 */
function elected(hear, onHub) {
  const channel = new BroadcastChannel(NAME);
  const id = Math.random().toString(36).slice(2); // crypto.randomUUID needs HTTPS
  /** @type {Hub | null} */
  let hub = null;
  channel.addEventListener("message", ({ data: { from, to, message } }) => {
    if (to === id) hear(message);
    else if (to === "hub") hub?.hear(from, message, (answer) => channel.postMessage({ to: from, message: answer }));
    else if (to === "all") onHub();
  });
  void navigator.locks.request(NAME, () => {
    hub = new Hub();
    channel.postMessage({ to: "all" });
    onHub();
    return new Promise(() => {}); // until the tab is closed
  });
  queueMicrotask(onHub);
  return (message) => (hub ? hub.hear(id, message, hear) : channel.postMessage({ from: id, to: "hub", message }));
}
