// What panels draw over the map, by who draws it: GeoJSON features with a `role` (area, ring, route, measure, plot, place) and
// a `label`. `draw/overlays.js` puts them on the map.

import { signal } from "../../vendor/signals.mjs";

/** @typedef {{ type: "Feature", geometry: any, properties: { role: string, label?: string } }} Drawn */

/** @type {import("@preact/signals").Signal<Record<string, readonly Drawn[]>>} */
export const overlays = signal(/** @type {Record<string, readonly Drawn[]>} */ ({}));

/**
 * Draw something, in the place of what the same panel drew before.
 * @param {string} by
 * @param {readonly Drawn[]} features
 */
export function drawOver(by, features) {
  if (!features.length && !overlays.peek()[by]?.length) return;
  overlays.value = { ...overlays.peek(), [by]: features };
}

/**
 * @param {string} role
 * @param {any} geometry  GeoJSON
 * @param {string} [label]
 * @returns {Drawn}
 */
export const drawn = (role, geometry, label = "") => ({ type: "Feature", geometry, properties: { role, label } });
