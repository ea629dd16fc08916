// What happens in the twin, for the panels of this page: changes, tiles to ask for again, gaps, and the state of the line.

import { openLine } from "./live/line.js";
import { connection } from "./state/connection.js";

/** @typedef {import("./live/backlog.js").News} News */
/** @typedef {import("./live/backlog.js").Change} Change */

const HERE_MS = 30_000;
/** @type {Set<(news: News) => void>} */
const listeners = new Set();
let seen = "";
let reader = "";

/**
 * Hear what happens, until the returned function is called. A gap means that changes may have been missed: what is shown
 * is to be read again. A page that was hidden hears at once what happened meanwhile.
 * @param {(news: News) => void} listener
 * @param {readonly string[]} [layers]  of which to hear; all when absent. Gaps are always told
 * @returns {() => void}
 */
export function follow(listener, layers) {
  const own = layers ? ofLayers(listener, new Set(layers)) : listener;
  listeners.add(own);
  return () => void listeners.delete(own);
}

/**
 * @param {(news: News) => void} listener
 * @param {Set<string>} layers
 * @returns {(news: News) => void}
 */
function ofLayers(listener, layers) {
  return ({ changes, redrawn, gap }) => {
    const own = { changes: changes.filter(({ layer }) => layers.has(layer)), redrawn: redrawn.filter((layer) => layers.has(layer)), gap };
    if (gap || own.changes.length || own.redrawn.length) listener(own);
  };
}

/** @type {{ send: import("./live/line.js").Send } | null} */
let line = null;

/**
 * Join the stream that all tabs of this browser share, for who is logged in; or tell it that somebody else is.
 * @param {string} account  id, empty for a stranger
 * @param {() => void} onOtherReader  another tab says that somebody else is logged in
 */
export function join(account, onOtherReader) {
  reader = account;
  if (line) return line.send({ kind: "reader", reader });
  const here = openLine((message) => hear(message, onOtherReader), () => here.send(hello()));
  line = here;
  const isAwake = () => here.send({ kind: document.hidden ? "rest" : "wake" });
  document.addEventListener("visibilitychange", isAwake);
  addEventListener("pagehide", () => here.send({ kind: "bye" }));
  addEventListener("pageshow", (event) => event.persisted && here.send(hello()));
  setInterval(() => here.send({ kind: "here" }), HERE_MS);
}

/** @returns {import("./live/hub.js").ToHub} */
const hello = () => ({ kind: "hello", reader, awake: !document.hidden, seen });

/**
 * @param {import("./live/hub.js").FromHub} message
 * @param {() => void} onOtherReader
 */
function hear(message, onOtherReader) {
  if (message.kind === "line") connection.value = message.line;
  else if (message.kind === "reader") onOtherReader();
  else {
    seen = message.seen;
    for (const listener of [...listeners]) tell(listener, message.news);
  }
}

/**
 * @param {(news: News) => void} listener
 * @param {News} news
 */
function tell(listener, news) {
  try {
    listener(news);
  } catch (error) {
    console.error(error); // one panel's fault silences no other
  }
}
