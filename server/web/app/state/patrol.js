// The patrol: while it is on, and only then, positions are sent; off forgets what was not sent.

import { effect, signal } from "../../vendor/signals.mjs";
import { ServerError } from "../api.js";
import { isPassing, sendTrack } from "../phone/requests.js";
import { metresBetween, place } from "./place.js";

/** @typedef {import("./place.js").PhonePlace} PhonePlace */

const EVERY_MS = 15_000;
const LEAST_M = 8;
const WAITING_MAX = 400;

export const patrolling = signal(false);
/** How many positions the server has taken since the patrol began. */
export const walked = signal(0);
/** What the server said against it, or empty. */
export const patrolFault = signal("");

/** @type {PhonePlace[]} */
let waiting = [];

/** @param {boolean} on */
export function switchPatrol(on) {
  waiting = [];
  patrolFault.value = "";
  if (on) walked.value = 0;
  patrolling.value = on;
}

/** Collect and send while the patrol is on. @returns {() => void} stops */
export function keepPatrolling() {
  const forget = effect(() => {
    const now = place.value;
    const last = waiting.at(-1);
    if (!patrolling.value || !now || (last && (last.at === now.at || metresBetween(last, now) < LEAST_M))) return;
    waiting = [...waiting, now].slice(-WAITING_MAX);
    if (waiting.length === 1) void send();
  });
  const timer = setInterval(() => void send(), EVERY_MS);
  return () => {
    forget();
    clearInterval(timer);
  };
}

async function send() {
  const crs = waiting[0]?.crs;
  const part = waiting.filter((one) => one.crs === crs);
  if (!patrolling.value || !crs) return;
  try {
    await sendTrack(crs, part.map(told));
    waiting = waiting.filter((one) => !part.includes(one));
    walked.value += part.length;
    patrolFault.value = "";
  } catch (error) {
    if (isPassing(error)) return; // they are sent when the line is back
    patrolFault.value = /** @type {ServerError} */ (error).message;
    waiting = [];
    patrolling.value = false;
  }
}

/** @param {PhonePlace} one */
const told = ({ lon, lat, at, accuracy_m, speed_mps, heading_deg }) => ({
  lon,
  lat,
  at,
  accuracy_m,
  ...(speed_mps === null || Number.isNaN(speed_mps) ? {} : { speed_kmh: speed_mps * 3.6 }),
  ...(heading_deg === null || Number.isNaN(heading_deg) ? {} : { heading_deg }),
});
