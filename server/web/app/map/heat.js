// Heat: where the features of a layer lie densest, of the tiles that are there anyway, in the colours of the style.

import { html } from "../../vendor/preact.mjs";
import { t } from "../i18n.js";
import { filtered } from "../topics.js";
import { firstAbove } from "./style.js";

/** @typedef {import("../types.js").Style} Style */
/** @typedef {{ layer: string, filter: string, count: number }} Heat  filter: CQL2 text, empty for all; count: about how many there are */

const SOURCE = "over-heat";
const RADIUS = [9, 14, 11, 34, 13, 56, 16, 80]; // zoom, pixels
const INTENSITY = 12; // over the root of how many there are: few are seen, and many do not drown the map

/**
 * The colours of areas from few to many.
 * @param {Style | null} style
 * @returns {string[]}
 */
export const colorsOf = (style) => style?.metadata["onemap:ramp"] ?? [];

/**
 * The colours of heat from few to many.
 * @param {Style | null} style
 * @returns {string[]}
 */
export const heatOf = (style) => style?.metadata["onemap:heat"] ?? [];

/** @type {WeakMap<import("maplibre-gl").Map, string>} what each map's heat is of */
const drawn = new WeakMap();

/**
 * Draw the heat of a layer below the points and names of a map, or none; asked again for the same, its tiles are read again and stay until then.
 * @param {import("maplibre-gl").Map} map
 * @param {Heat | null} heat
 * @param {Style | null} style
 */
export function warm(map, heat, style) {
  const tiles = heat && style?.sources[heat.layer];
  const strength = Math.min(1, INTENSITY / Math.sqrt(Math.max(1, heat?.count ?? 0)));
  const key = JSON.stringify([heat?.layer, heat?.filter, heatOf(style)]);
  if (tiles && map.getLayer(SOURCE) && drawn.get(map) === key) {
    map.setPaintProperty(SOURCE, "heatmap-intensity", strength);
    return void map.refreshTiles(SOURCE);
  }
  if (map.getLayer(SOURCE)) map.removeLayer(SOURCE);
  if (map.getSource(SOURCE)) map.removeSource(SOURCE);
  if (!heat || !tiles) return;
  drawn.set(map, key);
  const { attribution: _, ...unsigned } = tiles; // the layer itself says where it is from
  map.addSource(SOURCE, { ...unsigned, tiles: tiles.tiles.map((/** @type {string} */ url) => filtered(url, heat.filter)) });
  const before = firstAbove(map.getStyle().layers)?.id;
  map.addLayer(/** @type {any} */ ({ id: SOURCE, type: "heatmap", source: SOURCE, "source-layer": heat.layer, paint: paintOf(heatOf(style), strength) }), before);
}

/** @param {string[]} colors @param {number} strength */
function paintOf(colors, strength) {
  const steps = colors.flatMap((color, place) => [0.15 + (0.85 * place) / (colors.length - 1), color]);
  return {
    "heatmap-weight": ["min", 20, ["coalesce", ["get", "count"], 1]], // many together are one feature at low zooms
    "heatmap-radius": ["interpolate", ["exponential", 1.4], ["zoom"], ...RADIUS],
    "heatmap-intensity": strength,
    "heatmap-color": ["interpolate", ["linear"], ["heatmap-density"], 0, `${colors[0]}00`, 0.04, `${colors[0]}00`, ...steps],
    "heatmap-opacity": 0.82,
  };
}

/** What the colours of heat mean. @param {{ language: import("../types.js").Language, colors: string[] }} props */
export function HeatScale({ language, colors }) {
  return html`<span class="heat-scale"><small>${t(language, "shade.few")}</small><i style=${{ background: `linear-gradient(to right, ${colors.join(", ")})` }} /><small>${t(language, "shade.many")}</small></span>`;
}
