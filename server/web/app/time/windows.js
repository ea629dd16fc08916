// The window that the slider spans: its length, its steps, and where it ends.

import { signal } from "../../vendor/signals.mjs";
import { linked } from "../state/link.js";

const MINUTE_MS = 60_000;

/** @typedef {{ id: string, length_ms: number, step_ms: number, step: string }} Span */

/** @type {readonly Span[]} lengths, each with the step of the server's counts */
export const SPANS = [
  { id: "1h", length_ms: 60 * MINUTE_MS, step_ms: MINUTE_MS, step: "1m" },
  { id: "6h", length_ms: 360 * MINUTE_MS, step_ms: 5 * MINUTE_MS, step: "5m" },
  { id: "24h", length_ms: 1440 * MINUTE_MS, step_ms: 15 * MINUTE_MS, step: "15m" },
  { id: "7d", length_ms: 10_080 * MINUTE_MS, step_ms: 60 * MINUTE_MS, step: "1h" },
];

/** The length that somebody has chosen; empty for the theme's. */
export const spanId = linked("win", (text) => (SPANS.some(({ id }) => id === text) ? text : ""));
const ofTheme = signal("6h");

/**
 * The length that is usual now: the shortest that holds a span.
 * @param {number} length_ms
 */
export function usualSpan(length_ms) {
  ofTheme.value = (SPANS.find((one) => one.length_ms >= length_ms) ?? /** @type {Span} */ (SPANS.at(-1))).id;
}

/** @returns {Span} */
export function span() {
  return /** @type {Span} */ (SPANS.find(({ id }) => id === (spanId.value || ofTheme.value)));
}

/**
 * The window that holds a moment: it ends now, or, where the moment is older, half a window after the moment.
 * @param {Span} chosen
 * @param {string | null} moment
 * @param {number} now_ms
 * @returns {{ from: number, to: number }} whole steps, in ms
 */
export function windowOf({ length_ms, step_ms }, moment, now_ms) {
  const end = Math.ceil(now_ms / step_ms) * step_ms;
  const time = moment ? Date.parse(moment) : end;
  const to = time >= end - length_ms ? end : Math.min(end, Math.ceil((time + length_ms / 2) / step_ms) * step_ms);
  return { from: to - length_ms, to };
}
