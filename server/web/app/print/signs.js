// The signs of the legend on the points of a printed map: on paper, and in grey, colour alone tells nothing.

import { legend } from "../map/style.js";
import { drawSign } from "../panels/swatch.js";

/** @typedef {import("../types.js").State} State */
/** @typedef {import("./picture.js").LegendEntry} LegendEntry */

const MOST = 1500; // more would hide the map, and each other
const HALF = 7; // pixels, of a sign
const HALO = 8;
export const RING = "#c8102e"; // on paper, in every style

/**
 * The features of a layer that have a ring around them, as those that are overdue.
 * @param {import("maplibre-gl").Map} map
 * @param {string} layer
 */
export const ringed = (map, layer) => (map.getLayer(`${layer}:ring`) ? map.queryRenderedFeatures({ layers: [`${layer}:ring`] }) : []);

/**
 * @param {CanvasRenderingContext2D} pen
 * @param {number} x  of its middle
 * @param {number} y
 */
export function drawRing(pen, x, y, radius = HALO + 1) {
  pen.strokeStyle = RING;
  pen.lineWidth = 2.5;
  pen.beginPath();
  pen.arc(x, y, radius, 0, 2 * Math.PI);
  pen.stroke();
}

/**
 * Draw on each point that the map shows the sign that its row of the legend has.
 * @param {CanvasRenderingContext2D} pen  in pixels of the page
 * @param {import("maplibre-gl").Map} map
 * @param {State} state
 * @param {LegendEntry[]} entries
 * @param {{ x: number, y: number }} corner  of the picture on the map, pixels of the page
 */
export function drawSigns(pen, map, state, entries, corner) {
  const notes = legend(state.style);
  const kinds = new Map(entries.flatMap((entry) => (entry.rows[0]?.shape === "point" ? [[`${entry.layer}:point`, entry]] : [])));
  const layers = [...kinds.keys()].filter((id) => map.getLayer(id));
  if (!layers.length) return;
  const rings = new Set(entries.flatMap(({ layer }) => ringed(map, layer).map(({ properties }) => `${layer}:point/${properties["id"]}`)));
  const seen = new Set();
  for (const { layer, properties, geometry } of map.queryRenderedFeatures({ layers }).reverse()) {
    const key = `${layer.id}/${properties["id"]}`;
    const entry = kinds.get(layer.id);
    if (!entry || geometry.type !== "Point" || seen.has(key)) continue;
    seen.add(key);
    if (seen.size > MOST) return;
    const field = notes.get(entry.layer)?.field;
    const row = entry.rows.find(({ code }) => code === String(field ? properties[field] : "")) ?? entry.rows.find(({ code }) => code === "");
    if (!row) continue; // a code without a colour has no sign
    const at = map.project(/** @type {[number, number]} */ (geometry.coordinates));
    const [x, y] = [at.x - corner.x, at.y - corner.y];
    pen.fillStyle = "#fff";
    pen.beginPath();
    pen.arc(x, y, HALO, 0, 2 * Math.PI);
    pen.fill();
    drawSign(pen, row, x - HALF, y - HALF);
    if (rings.has(key)) drawRing(pen, x, y);
  }
}
