// How often a map may be redrawn by what moves and what is refreshed: whoever draws slowly (no graphics card, a busy machine)
// draws less often, so that the page stays free for its user.

/** @typedef {import("maplibre-gl").Map} MapLibre */

const SHARE = 4; // a frame has at least so many times its own length for itself
const SLOW_MS = 50; // labels that fade in would be drawn again and again
const WEIGHT = 0.3; // of the newest frame
const MOST_MS = 500; // a frame that took longer was drawn before the tab was hidden

/** @type {WeakMap<MapLibre, number>} how long a frame of each map takes, until the page can do something else */
const costs = new WeakMap();

/**
 * Measure what frames cost while the map lives.
 * @param {MapLibre} map
 */
export function measureFrames(map) {
  const fading = map._fadeDuration;
  map.on("render", () => {
    const began = performance.now();
    requestAnimationFrame(() => {
      const before = costs.get(map) ?? 0;
      const cost = before + WEIGHT * (Math.min(MOST_MS, performance.now() - began) - before);
      costs.set(map, cost);
      if (!map._removed) map._fadeDuration = cost > SLOW_MS || past.has(map) ? 0 : fading;
    });
  });
}

/** @type {WeakSet<MapLibre>} maps of a moment that is over */
const past = new WeakSet();

/**
 * In the past each step is a picture of its own, in which nothing fades.
 * @param {MapLibre} map
 * @param {boolean} is
 */
export function showPast(map, is) {
  if (is) past.add(map);
  else past.delete(map);
  if (is) map._fadeDuration = 0;
}

/**
 * How long to wait before the map is redrawn again.
 * @param {MapLibre} map
 * @param {number} usual_ms  where drawing costs nothing
 */
export const paced = (map, usual_ms) => Math.max(usual_ms, SHARE * (costs.get(map) ?? 0));
