// What a list points at on the map: a place with a ring around it, and whether it flashes because it was chosen.

import { signal } from "../../vendor/signals.mjs";

/** @typedef {{ lonlat: [number, number], flash: boolean }} Pointed */

export const pointed = signal(/** @type {Pointed | null} */ (null));

/**
 * Point at a feature, if it is a point.
 * @param {{ geometry: any } | null | undefined} feature
 * @param {boolean} [flash]
 */
export function pointAt(feature, flash = false) {
  const lonlat = feature?.geometry?.type === "Point" ? feature.geometry.coordinates.slice(0, 2) : null;
  pointed.value = lonlat && { lonlat, flash };
}

/** Point at nothing more that was only passed; what was chosen keeps its ring. */
export function pass() {
  if (!pointed.value?.flash) pointed.value = null;
}
