// The next step of time, asked for while this one is looked at: who steps on in the same direction waits for less.

import { ServerError, fetchPage } from "../api.js";
import { at } from "../state/time.js";

/** @typedef {Awaited<ReturnType<typeof fetchPage>>} Page */

const FRESH_MS = 30_000; // later something may have become known of that moment

/** @type {{ moment: string, asked: number, pages: Map<string, Promise<Page>> }} */
let kept = { moment: "", asked: 0, pages: new Map() };

/**
 * The moment to which the next step probably leads: one as long as the last; after the first one, a usual one away from where
 * it began, or on towards the present for who went far back to watch what came.
 * @param {string | null} before
 * @param {string | null} now
 * @param {number} step_ms  a usual one
 * @returns {string | null}  null where the page shows the present, or would then
 */
export function nextMoment(before, now, step_ms) {
  if (now === null || before === now) return null;
  const here = Date.parse(now);
  const first = Date.now() - here > 2 * step_ms ? step_ms : -step_ms;
  const next = here + (before === null ? first : here - Date.parse(before));
  return next < Date.now() ? new Date(next).toISOString() : null;
}

/**
 * Whether a moment was asked for ahead so lately that its pages still hold.
 * @param {string} moment
 */
export const isAhead = (moment) => kept.moment === moment && performance.now() - kept.asked < FRESH_MS;

/**
 * Ask for pages as of a moment, in place of those that were asked for before.
 * @param {string} moment
 * @param {string} reader  who is logged in
 * @param {string[]} paths
 */
export function lookAhead(moment, reader, paths) {
  const pages = new Map(paths.map((path) => [`${reader} ${path}`, fetchPage(path, undefined, moment)]));
  for (const page of pages.values()) page.catch(() => {}); // whoever needs it asks again, and is told
  kept = { moment, asked: performance.now(), pages };
}

/**
 * A page as of the moment of the page, each that was kept at most once.
 * @param {string} path
 * @param {string} reader  who is logged in
 * @returns {Promise<Page>}
 */
export function pageOf(path, reader) {
  const key = `${reader} ${path}`;
  const page = at.value && isAhead(at.value) ? kept.pages.get(key) : undefined;
  kept.pages.delete(key);
  return page ? page.catch((error) => again(error, path)) : fetchPage(path);
}

/**
 * Ask once more where the line was broken; what was refused is refused.
 * @param {unknown} error
 * @param {string} path
 */
function again(error, path) {
  if (error instanceof ServerError && error.status < 500) throw error;
  return fetchPage(path);
}
