// Who is logged in: asked of the server, whose cookie no script can read; and the logout of a browser that nobody uses.

import { address } from "./api.js";

/** @typedef {import("./types.js").Account} Account */
/** @typedef {import("./types.js").Session} Session */

const ACTIVE = "onemap.active"; // when somebody touched a page of ours last, in any tab
const LOOK_MS = 10_000;

const WORKER = "onemap.worker"; // the grid worker who was logged in last, for a page that opens without a line

/** @returns {Promise<Session>} who is logged in; without a line, which grid worker was */
export async function fetchSession() {
  /** @type {Response} */
  let answer;
  try {
    answer = await fetch(address("session"), { cache: "no-store" });
  } catch (error) {
    const known = localStorage.getItem(WORKER);
    if (known === null) throw error;
    return { account: JSON.parse(known), ended: false };
  }
  if (!answer.ok) throw new Error(answer.statusText);
  const session = await answer.json();
  if (session.account?.roles.includes("grid_worker")) localStorage.setItem(WORKER, JSON.stringify(session.account));
  else localStorage.removeItem(WORKER);
  return session;
}

/**
 * The address of the login, which leads back to a place of this page.
 * @param {string} [place]  path below the service's own, by default the one that is open now
 */
export function loginPath(place = here()) {
  return address(`login?next=${encodeURIComponent(place)}`);
}

/** The path of this page below the service's own, with query and hash. */
function here() {
  const root = new URL(address("")).pathname;
  const path = location.pathname.startsWith(root) ? location.pathname.slice(root.length) : "";
  return `/${path}${location.search}${location.hash}`;
}

/**
 * End the session here, and at the identity provider if it is of one; the browser may leave this page for that.
 * @param {boolean} [mayLeave]  false stays on the page: nobody is there to answer a question of the provider
 * @returns {Promise<boolean>}  whether the browser leaves
 */
export async function logOut(mayLeave = true) {
  localStorage.removeItem(WORKER);
  const answer = await fetch(address("logout"), { method: "POST", cache: "no-store" });
  const { go_to: goTo } = answer.ok ? await answer.json().catch(() => ({})) : {};
  if (!goTo || !mayLeave) return false;
  location.assign(goTo);
  return true;
}

/**
 * Say, as the second person, that a break-glass was seen.
 * @param {number} id
 * @param {boolean} ends  end it at once
 */
export async function acknowledgeElevation(id, ends) {
  const body = JSON.stringify({ end: ends });
  const headers = { "Content-Type": "application/json" };
  const answer = await fetch(address(`session/elevations/${id}/acknowledge`), { method: "POST", headers, body });
  if (!answer.ok) throw new Error(answer.statusText || String(answer.status));
}

/**
 * Call a function once when nobody has touched a page of ours for a while. A page that polls is not somebody at work: the
 * server alone could not tell.
 * @param {number} idleSeconds
 * @param {() => void} onIdle
 * @returns {() => void} stops watching
 */
export function watchIdle(idleSeconds, onIdle) {
  const touch = () => localStorage.setItem(ACTIVE, String(Date.now()));
  const kinds = ["pointerdown", "keydown", "wheel", "touchstart"];
  const look = () => {
    const last = Number(localStorage.getItem(ACTIVE) ?? 0);
    if (Date.now() - last < idleSeconds * 1000) return;
    stop();
    onIdle();
  };
  const timer = setInterval(look, Math.min(LOOK_MS, idleSeconds * 250));
  const stop = () => {
    clearInterval(timer);
    for (const kind of kinds) removeEventListener(kind, touch, true);
  };
  for (const kind of kinds) addEventListener(kind, touch, { capture: true, passive: true });
  touch();
  return stop;
}
