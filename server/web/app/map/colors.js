// Colours that belong to the map itself; those of the layers come from the catalogue.

export const GROUND = "#0a1322";
export const DISTRICT = "#0f1c31";
export const OUTSIDE = "#060c17";
export const FRAME = "#4cc9f0";
export const TEXT = "#dbe7f8";
export const TEXT_SOFT = "#9fb4d2";
export const HALO = "#0a1322";
export const CHOSEN = "#ffffff";

/**
 * A colour mixed with the ground: 0 is the ground, 1 the colour. Opaque, so that crossing lines do not add up.
 * @param {string} color  #rrggbb
 * @param {number} share
 */
export function sunk(color, share) {
  const channel = (/** @type {string} */ hex, /** @type {number} */ at) => parseInt(hex.slice(1 + 2 * at, 3 + 2 * at), 16);
  const mixed = [0, 1, 2].map((at) => Math.round(channel(color, at) * share + channel(DISTRICT, at) * (1 - share)));
  return `rgb(${mixed.join(",")})`;
}
