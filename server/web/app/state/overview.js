// The state of an area in one document of the server (`/twin/overview`), of the moment of the page: asked again when that changes, and
// in the present when the stream tells of a change.

import { effect, signal, untracked } from "../../vendor/signals.mjs";
import { ask } from "../api.js";
import { follow } from "../live.js";
import { at } from "./time.js";

/** @typedef {{ code: string, label_zh: string, label_en: string, color?: string, value: number, part?: number, whole?: number }} ByCode */

/**
 * @typedef {object} Indicator
 * @property {string} id
 * @property {string} title_zh
 * @property {string} title_en
 * @property {string} unit  UCUM
 * @property {string} formula_zh
 * @property {string} formula_en
 * @property {number | string | null} value  a text where a small count is hidden
 * @property {number} [part]  of a share
 * @property {number} [whole]
 * @property {boolean} additive  whether the numbers of areas sum up
 * @property {string | null} observed_at
 * @property {{ at: string, value: number, change: number } | null} compare  the same weekday and time a week before
 * @property {Record<string, ByCode[]>} by
 */

/** @typedef {{ code: string, id: string, name: string | null, values: Record<string, number | string | null> }} Child */
/** @typedef {{ layer: string, id: string, lon: number | null, lat: number | null, properties: Record<string, any> }} Listed */
/** @typedef {{ id: number, layer: string, feature_id: string, words: string, author: string, noted_at: string, title: string }} Note */

/**
 * @typedef {object} Told
 * @property {string} at
 * @property {boolean} live  whether `at` is the present
 * @property {{ code: string, id: string, name: string | null, tier: string, corners: { lon: number, lat: number }[] } | null} area
 * @property {string | null} below  tier of the areas below
 * @property {Indicator[]} indicators
 * @property {Child[]} children
 * @property {Record<string, { title_zh: string, title_en: string, features: Listed[] }>} lists
 * @property {Record<string, { title_zh: string, title_en: string, hours: { at: string, value: number }[] }>} trends
 * @property {Note[]} notes
 */

/** @typedef {{ told: Told | null, error: unknown, askedAt: number, heardAt: number }} OverviewState */

const LOOK_MS = 3000;
const AT_LEAST_MS = 30_000;

/** The code of the area that is shown; empty is everything. */
export const areaCode = signal("");
/** What was told last, the error of the last question if it failed, and when an answer was heard. */
export const overview = signal(/** @type {OverviewState} */ ({ told: null, error: null, askedAt: 0, heardAt: 0 }));

/** @param {Told | null} told @param {string} id @returns {Indicator | undefined} */
export function indicatorOf(told, id) {
  return told?.indicators.find((one) => one.id === id);
}

let asking = new AbortController();
let isAsking = false;

/** Ask now. What was told before stays until the answer is there, also when there is none. */
export async function askOverview() {
  asking.abort();
  const { signal: stopped } = (asking = new AbortController());
  const code = areaCode.value;
  overview.value = { ...overview.value, askedAt: Date.now() };
  isAsking = true;
  try {
    const answer = await ask(`twin/overview${code ? `?area=${code}` : ""}`, {}, stopped);
    overview.value = { ...overview.value, told: await answer.json(), error: null, heardAt: Date.now() };
  } catch (error) {
    if (!stopped.aborted) overview.value = { ...overview.value, error };
  } finally {
    if (!stopped.aborted) isAsking = false; // else another question has begun
  }
}

/** Whether what was told is of another area or moment than the page is. @param {Told} told */
export function isOutdated(told) {
  const isOfMoment = at.value === null ? told.live : Date.parse(told.at) === Date.parse(at.value);
  return !isOfMoment || (told.area?.code ?? "") !== areaCode.value;
}

/** Show another area: its numbers are asked for at once. @param {string} code */
export function showArea(code) {
  if (code === areaCode.value) return;
  areaCode.value = code;
  void askOverview();
}

/**
 * Keep the overview fresh until stopped: every few seconds if something has changed, and twice a minute at any rate; not
 * while the page is hidden. The past stays as it is, and is asked for when another moment is chosen.
 * @returns {() => void} stops it
 */
export function followOverview() {
  let changed = false;
  const stop = follow(() => (changed = true));
  const look = () => {
    const waited = Date.now() - overview.value.askedAt;
    if (isAsking && waited < AT_LEAST_MS) return; // a slow answer must come before the next question
    if (document.hidden || (waited < AT_LEAST_MS && !changed && overview.value.error === null)) return;
    if (at.value !== null && overview.value.error === null) return;
    changed = false;
    void askOverview();
  };
  const timer = setInterval(look, LOOK_MS);
  const still = effect(() => {
    void at.value;
    untracked(() => void askOverview());
  });
  return () => {
    still();
    clearInterval(timer);
    stop();
    asking.abort();
    isAsking = false;
  };
}
