// The map on an OGC page: one layer as tiles, or the features of the page over it. The page says which.

import * as maplibre from "./vendor/maplibre-gl.mjs";
import { styleLayers } from "./app/map/layers.js";
import { BELOW, baseStyle } from "./app/map/style.js";

/** @typedef {import("./app/types.js").MapDocument} MapDocument */

const place = document.getElementById("map");
if (place) await show(place);

/** @param {HTMLElement} container */
async function show(container) {
  const root = container.dataset["root"] ?? "/";
  /** @type {MapDocument} */
  const described = await (await fetch(`${root}map.json`)).json();
  const layer = described.layers.find((one) => one.id === container.dataset["layer"]);
  const features = JSON.parse(container.dataset["features"] ?? "[]");
  const bounds = boundsOf(features) ?? layer?.bbox ?? described.bbox ?? undefined;
  try {
    const map = new maplibre.Map({ container, style: baseStyle(described), bounds, fitBoundsOptions: { padding: 40, maxZoom: 17 } });
    map.addControl(new maplibre.NavigationControl({ showCompass: false }), "bottom-right");
    await map.once("load");
    if (layer?.bbox) {
      map.addSource(layer.id, { type: "vector", tiles: [root + layer.tiles], maxzoom: layer.max_zoom, bounds: layer.bbox, promoteId: "id" });
      if (map.getZoom() < layer.min_zoom && !features.length) map.jumpTo({ zoom: layer.min_zoom + 0.5 });
      for (const style of styleLayers(layer, described.codes)) map.addLayer(/** @type {any} */ (style), style.type === "symbol" ? undefined : BELOW);
    }
    const marked = /** @type {maplibre.GeoJSONSource} */ (map.getSource("chosen"));
    const shapes = features.map((/** @type {any} */ { geometry }) => ({ type: "Feature", properties: {}, geometry }));
    marked.setData({ type: "FeatureCollection", features: shapes }); // without ids: a code of 20 digits is no number to MapLibre
    map.on("idle", () => container.setAttribute("data-idle", ""));
  } catch {
    container.hidden = true; // no WebGL 2: the page's text says everything the map would
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
