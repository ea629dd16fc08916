// The ground in 3-D, where a raster of heights is loaded; without one it stays level.

import { address, ask } from "../api.js";

/** @typedef {import("maplibre-gl").Map} MapLibre */

const SOURCE = "ground-heights";

/**
 * Raise the ground, or level it.
 * @param {MapLibre} map
 * @param {boolean} raised
 * @returns {Promise<boolean>} whether the ground is raised now
 */
export async function raiseGround(map, raised) {
  if (!raised) {
    if (map.getTerrain()) map.setTerrain(null);
    return false;
  }
  const { rasters } = await (await ask("raster")).json();
  const heights = rasters.find((/** @type {{ vertical_datum?: string }} */ raster) => raster.vertical_datum);
  if (!heights || !map.getStyle()) return false;
  if (!map.getSource(SOURCE)) {
    const url = address(`raster/${encodeURIComponent(heights.id)}.json?form=terrain`);
    map.addSource(SOURCE, { type: "raster-dem", url, tileSize: 256 });
  }
  map.setTerrain({ source: SOURCE, exaggeration: 1 });
  return true;
}
