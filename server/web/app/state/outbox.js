// Reports that wait for the line. Each is kept in the browser's database before it is sent, and has an id by which the server
// counts it once: a report whose answer is lost, or whose page is closed, is sent again and is still one event.

import { openDB } from "../../vendor/idb.mjs";
import { signal } from "../../vendor/signals.mjs";
import { ServerError } from "../api.js";
import { isPassing, sendReport } from "../phone/requests.js";

/** @typedef {import("../phone/requests.js").Receipt} Receipt */
/**
 * @typedef {object} Kept
 * @property {string} id  UUID
 * @property {string} account  who made it: nobody else sends it
 * @property {any} body  as it is sent
 * @property {{ ref: string, blob: Blob }[]} pictures  they stay on this phone
 * @property {"waiting" | "sent" | "refused"} state
 * @property {string} made_at
 * @property {Receipt | null} answer
 * @property {string} fault  what the server said against it
 */

const NAME = "onemap-outbox";
const AGAIN_MS = 15_000;
const SENT_KEPT = 20;

/** The reports of who is logged in, the newest first. @type {import("../../vendor/signals.mjs").Signal<Kept[]>} */
export const outbox = signal([]);
/** The id of the report that is on its way, or empty. */
export const underway = signal("");
/** Why nothing is sent: "" while the line is good, "line" without one, "login" when nobody is logged in any more. */
export const hindrance = signal("");

const database = () =>
  openDB(NAME, 1, {
    upgrade: (made) => void made.createObjectStore("reports", { keyPath: "id" }),
  });

/** A UUID; browsers make one by themselves only over https. */
export function newId() {
  if (crypto.randomUUID) return crypto.randomUUID();
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = (/** @type {number} */ (bytes[6]) & 0x0f) | 0x40;
  bytes[8] = (/** @type {number} */ (bytes[8]) & 0x3f) | 0x80;
  const digits = [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  return digits.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
}

/** @param {string} account */
async function read(account) {
  const all = /** @type {Kept[]} */ (await (await database()).getAll("reports"));
  outbox.value = all.filter((one) => one.account === account).sort((one, other) => (one.made_at < other.made_at ? 1 : -1));
}

/** @param {Kept} kept */
async function write(kept) {
  await (await database()).put("reports", kept);
  await read(kept.account);
}

/**
 * Keep a report, then send it.
 * @param {string} account
 * @param {any} body
 * @param {{ ref: string, blob: Blob }[]} pictures
 */
export async function keep(account, body, pictures) {
  await write({ id: body.id, account, body, pictures, state: "waiting", made_at: body.seen_at, answer: null, fault: "" });
  void drain(account);
}

/** @param {Kept} kept */
export async function discard(kept) {
  await (await database()).delete("reports", kept.id);
  await read(kept.account);
}

/**
 * Send a report again that the server has refused.
 * @param {Kept} kept
 */
export async function again(kept) {
  await write({ ...kept, state: "waiting", fault: "" });
  void drain(kept.account);
}

/** @type {Promise<void> | null} */
let draining = null;

/**
 * Send what waits, the oldest first, in one tab at a time.
 * @param {string} account
 */
export function drain(account) {
  draining ??= alone(() => sendAll(account)).finally(() => (draining = null));
  return draining;
}

/** @param {() => Promise<void>} work */
const alone = async (work) => (navigator.locks ? navigator.locks.request(NAME, work) : work());

/** @param {string} account */
async function sendAll(account) {
  await read(account);
  for (;;) {
    const next = outbox.value.filter((one) => one.state === "waiting").at(-1);
    if (!next || !(await sendOne(next))) break;
  }
  await forgetSent();
}

/**
 * @param {Kept} kept
 * @returns {Promise<boolean>}  whether the next one can be sent
 */
async function sendOne(kept) {
  underway.value = kept.id;
  try {
    const answer = await sendReport(kept.body);
    hindrance.value = "";
    await write({ ...kept, state: "sent", answer });
  } catch (error) {
    const ended = error instanceof ServerError && error.status === 401;
    hindrance.value = ended ? "login" : isPassing(error) ? "line" : "";
    if (hindrance.value) return false;
    await write({ ...kept, state: "refused", fault: /** @type {Error} */ (error).message });
  } finally {
    underway.value = "";
  }
  return true;
}

async function forgetSent() {
  for (const old of outbox.value.filter((one) => one.state === "sent").slice(SENT_KEPT)) await discard(old);
}

/**
 * Keep sending for who is logged in: now, when the line is back, when the page is looked at again, and every so often.
 * @param {string} account
 * @returns {() => void} stops
 */
export function keepSending(account) {
  const go = () => void drain(account);
  const goIfWaiting = () => outbox.value.some((one) => one.state === "waiting") && !document.hidden && go();
  addEventListener("online", go);
  document.addEventListener("visibilitychange", goIfWaiting);
  const timer = setInterval(goIfWaiting, AGAIN_MS);
  go();
  return () => {
    removeEventListener("online", go);
    document.removeEventListener("visibilitychange", goIfWaiting);
    clearInterval(timer);
    outbox.value = []; // nobody sees the reports of whoever was here before
  };
}
