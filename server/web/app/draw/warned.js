// The areas of warnings in force on a map: outlined and hatched in the colour of the warning, so that colour is never alone.

import { firstAbove } from "../map/style.js";

/** @typedef {import("maplibre-gl").Map} MapLibre */
/** @typedef {{ id: string | number, area: any, color: string }} Warned  a warning, its area as GeoJSON, and its colour as #rrggbb */

const SOURCE = "over-warned";
const [FILL, LINE] = [`${SOURCE}-fill`, `${SOURCE}-line`];
const TILE = 24; // pixels of the pattern, drawn at twice its size
const STROKE = 4;
const PATTERN = "hatch-";

/**
 * Draw the areas below the points and names of a map, in the place of those drawn before.
 * @param {MapLibre} map
 * @param {readonly Warned[]} warned
 * @returns {() => void} stops drawing patterns that the map misses
 */
export function drawWarned(map, warned) {
  const features = warned.map(({ area, color }) => ({ type: "Feature", geometry: area, properties: { color, pattern: PATTERN + color } }));
  const data = /** @type {any} */ ({ type: "FeatureCollection", features });
  const source = /** @type {import("maplibre-gl").GeoJSONSource | undefined} */ (map.getSource(SOURCE));
  const hatched = (/** @type {{ id: string }} */ { id }) => {
    if (id.startsWith(PATTERN) && !map.hasImage(id)) map.addImage(id, hatch(id.slice(PATTERN.length)), { pixelRatio: 2 });
  };
  map.on("styleimagemissing", hatched);
  for (const { properties } of features) hatched({ id: properties.pattern });
  if (source) source.setData(data);
  else if (features.length) {
    const before = firstAbove(map.getStyle().layers)?.id;
    map.addSource(SOURCE, { type: "geojson", data });
    map.addLayer({ id: FILL, type: "fill", source: SOURCE, paint: { "fill-pattern": ["get", "pattern"], "fill-opacity": 0.3 } }, before);
    map.addLayer({ id: LINE, type: "line", source: SOURCE, layout: { "line-join": "round" },
      paint: { "line-color": ["get", "color"], "line-width": 3, "line-dasharray": [3, 1.5] } }, before);
  }
  return () => map.off("styleimagemissing", hatched);
}

/**
 * Slanting strokes of a colour on nothing; a tile of them fits its neighbours.
 * @param {string} color  #rrggbb
 */
function hatch(color) {
  const rgb = [1, 3, 5].map((from) => parseInt(color.slice(from, from + 2), 16));
  const data = new Uint8Array(TILE * TILE * 4);
  for (let y = 0; y < TILE; y++) {
    for (let x = 0; x < TILE; x++) {
      if ((x + y) % TILE < STROKE) data.set([...rgb, 255], (y * TILE + x) * 4);
    }
  }
  return { width: TILE, height: TILE, data };
}
