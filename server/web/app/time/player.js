// Playing the past: a step of time after another, each when the map has drawn the one before.

import { signal } from "../../vendor/signals.mjs";
import { at } from "../state/time.js";

const PATIENCE_MS = 3000; // a map that does not get ready stops nobody
const LOOK_MS = 25;
/** Steps a second. */
export const SPEEDS = [0.5, 1, 2, 4];

export const playing = signal(false);
let plays = 0;
export const speed = signal(1);
/** How long the last steps took until the map was drawn, in ms, the newest last. */
export const stepTimes = signal(/** @type {number[]} */ ([]));

/**
 * Move by steps; beyond the present is now.
 * @param {number} steps
 * @param {number} step_ms
 */
export function move(steps, step_ms) {
  at.value = moved(at.value, steps, step_ms);
}

/**
 * The moment to which steps lead; null for the present and beyond.
 * @param {string | null} from
 * @param {number} steps
 * @param {number} step_ms
 * @returns {string | null}
 */
export function moved(from, steps, step_ms) {
  const time = (from ? Date.parse(from) : Math.floor(Date.now() / step_ms) * step_ms + (steps < 0 ? step_ms : 0)) + steps * step_ms;
  return time >= Date.now() ? null : new Date(time).toISOString();
}

/** Whether the map shows everything that it asked for. */
const isDrawn = () => document.querySelector(".mapview")?.hasAttribute("data-idle") ?? true;

/**
 * Play until the present, or until `playing` is false.
 * @param {number} step_ms
 */
export async function play(step_ms) {
  if (playing.value) return;
  playing.value = true;
  const mine = ++plays; // one that was paused sleeps for a moment; meanwhile another may begin
  const goesOn = () => playing.value && mine === plays;
  try {
    while (goesOn()) {
      const began = performance.now();
      move(1, step_ms);
      if (at.value === null) break;
      await pause(LOOK_MS * 2); // the map has begun to ask
      while (goesOn() && !isDrawn() && performance.now() - began < PATIENCE_MS) await pause(LOOK_MS);
      const taken = performance.now() - began;
      stepTimes.value = [...stepTimes.value.slice(-49), taken];
      await pause(Math.max(0, 1000 / speed.value - taken));
    }
  } finally {
    if (mine === plays) playing.value = false;
  }
}

/** @param {number} ms */
const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
