// The map on an OGC page: one layer as tiles, and the features of the page over it, as the page's attributes say.

import * as maplibre from "./vendor/maplibre-gl.mjs";
import { dressed } from "./app/map/style.js";

/** @typedef {import("./app/types.js").Style} Style */

const GROUND = new Set(["districts", "streets", "roads", "waterways", "buildings", "urban_villages"]);
// what one finds one's way by, under the layer of the page

const place = document.getElementById("map");
if (place) await show(place);

/** @param {HTMLElement} container */
async function show(container) {
  const root = container.dataset["root"] ?? "/";
  const layer = container.dataset["layer"] ?? "";
  const features = JSON.parse(container.dataset["features"] ?? "[]");
  try {
    /** @type {Style} */
    const style = await (await fetch(`${root}styles/dark.json`)).json();
    const source = style.sources[layer];
    const shapes = features.map((/** @type {any} */ { geometry }) => geometry);
    const bounds = boundsOf(features) ?? source?.bounds ?? undefined;
    const map = new maplibre.Map({
      container,
      style: dressed(style, (id, other) => (other === layer || GROUND.has(other)) && !id.endsWith(":relief"), shapes),
      bounds,
      fitBoundsOptions: { padding: 40, maxZoom: 17 },
    });
    Object.assign(container, { map }); // for tests, and for whoever looks into the page
    map.addControl(new maplibre.NavigationControl({ showCompass: false }), "bottom-right");
    await map.once("load");
    if (source && map.getZoom() < source.minzoom && !features.length) map.jumpTo({ zoom: source.minzoom + 0.5 });
    map.on("idle", () => container.setAttribute("data-idle", ""));
    map.triggerRepaint(); // it may have come to rest in the frame in which it was loaded
  } catch (error) {
    console.warn(error); // most often the browser has no WebGL 2; the text of the page holds all that the map shows
    container.hidden = true;
  }
}

/**
 * @param {any[]} features
 * @returns {[number, number, number, number] | null}
 */
function boundsOf(features) {
  const bounds = new maplibre.LngLatBounds();
  const walk = (/** @type {any} */ part) => {
    if (typeof part?.[0] === "number") bounds.extend(part);
    else part?.forEach(walk);
  };
  for (const feature of features) walk(feature.geometry?.coordinates);
  return bounds.isEmpty() ? null : [bounds.getWest(), bounds.getSouth(), bounds.getEast(), bounds.getNorth()];
}
