// The areas of a tier coloured by a number, on the map of the board.

import { classOf, classes } from "../map/classes.js";

/** @typedef {import("../state/overview.js").Child} Child */
/** @typedef {import("../state/overview.js").Told} Told */
/** @typedef {import("maplibre-gl").Map} MapLibre */

export const LAYERS = { district: "districts", street: "streets", community: "communities", grid: "grids" };
const FILL = "board-fill";
const LINE = "board-line";

/**
 * Colour the areas below by a number, and draw no others.
 * @param {MapLibre} map
 * @param {Told} told
 * @param {string} id  of the indicator; empty draws outlines alone
 * @param {string[]} colors  of the classes, those of the style
 * @param {string} accent
 */
export function paint(map, told, id, colors, accent) {
  const layer = told.below ? LAYERS[/** @type {keyof typeof LAYERS} */ (told.below)] : null;
  for (const kind of [FILL, LINE]) if (map.getLayer(kind)) map.removeLayer(kind);
  if (!layer || !map.getSource(layer) || !told.children.length) return;
  const values = told.children.map((child) => valueOf(child, id));
  const ends = classes(values.filter((value) => value !== null));
  const pairs = told.children.flatMap((child, place) => {
    const value = values[place];
    return [child.id, value === null || value === undefined || value === 0 || !ends.length ? "transparent" : colors[classOf(value, ends)]];
  });
  const own = /** @type {any} */ (["in", ["get", "id"], ["literal", told.children.map(({ id }) => id)]]);
  const before = map.getLayersOrder().find((id) => map.getLayer(id)?.type === "symbol");
  const shared = { source: layer, "source-layer": layer, filter: own };
  map.addLayer({ id: FILL, type: "fill", ...shared, paint: { "fill-color": /** @type {any} */ (["match", ["get", "id"], ...pairs, "transparent"]), "fill-opacity": 0.72 } }, before);
  map.addLayer({ id: LINE, type: "line", ...shared, paint: { "line-color": accent, "line-width": 1.5, "line-opacity": 0.7 } }, before);
}

/** @param {Child} child @param {string} id */
function valueOf(child, id) {
  const value = child.values[id];
  return typeof value === "number" ? value : null;
}

/** The area below at a point of the map. @param {MapLibre} map @param {import("maplibre-gl").PointLike} point @returns {string | null} id */
export function areaAt(map, point) {
  if (!map.getLayer(FILL)) return null;
  return map.queryRenderedFeatures(point, { layers: [FILL] })[0]?.properties["id"] ?? null;
}
