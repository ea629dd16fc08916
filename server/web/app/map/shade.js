// Areas coloured by how many there are in them, on the map of the desk.

import { classOf, classes } from "./classes.js";
import { colorsOf } from "./heat.js";
import { firstAbove } from "./style.js";

/** @typedef {import("../types.js").Style} Style */
/** @typedef {{ layer: string, digits: number, counts: Map<string, number> }} Shade  counts by code of that many digits, of areas of the layer */

const SOURCE = "over-shade";

/**
 * Colour the areas with something in them below the points and names of a map, or none.
 * @param {import("maplibre-gl").Map} map
 * @param {Shade | null} shade
 * @param {Style | null} style
 * @returns {number[]} upper ends of the classes
 */
export function shadeAreas(map, shade, style) {
  if (map.getLayer(SOURCE)) map.removeLayer(SOURCE);
  if (map.getSource(SOURCE)) map.removeSource(SOURCE);
  const tiles = shade && style?.sources[shade.layer];
  if (!shade || !tiles) return [];
  const [ends, colors] = [classes([...shade.counts.values()]), colorsOf(style)];
  const pairs = [...shade.counts].filter(([, count]) => count > 0).flatMap(([code, count]) => [code, colors[classOf(count, ends)]]);
  if (!pairs.length) return [];
  const { attribution: _, ...unsigned } = tiles; // the layer itself says where it is from
  map.addSource(SOURCE, unsigned);
  const color = ["match", ["slice", ["get", "id"], 0, shade.digits], ...pairs, "rgba(0,0,0,0)"];
  const paint = { "fill-color": color, "fill-opacity": 0.66, "fill-antialias": false };
  map.addLayer(/** @type {any} */ ({ id: SOURCE, type: "fill", source: SOURCE, "source-layer": shade.layer, paint }), firstAbove(map.getStyle().layers)?.id);
  return ends;
}
