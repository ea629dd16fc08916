// Measuring: what is drawn, its length or surface in words while it grows and when it is done.

import { html, useEffect } from "../../vendor/preact.mjs";
import { area_m2, length_m } from "../draw/geodesy.js";
import { sketch, sketching } from "../draw/sketch.js";
import { formatNumber, t } from "../i18n.js";
import { Icon } from "../panels/icons.js";
import { shownMap } from "../state/map.js";
import { measured } from "../state/measured.js";
import { drawOver, drawn } from "../state/overlays.js";

/** @typedef {import("../types.js").State} State */
/** @typedef {import("../types.js").Language} Language */

/**
 * Measure one shape.
 * @param {"line" | "polygon"} kind
 */
export async function measure(kind) {
  const map = shownMap.peek();
  if (!map) return;
  measured.value = null;
  const geometry = await sketch(map, kind);
  if (geometry) measured.value = geometry;
}

/** @param {{ state: State }} props */
export function Measured({ state: { language } }) {
  const geometry = measured.value;
  const words = geometry ? wordsOf(language, geometry) : "";
  useEffect(() => drawOver("measure", geometry ? [drawn("measure", geometry), drawn("measure", lastOf(geometry), words)] : []), [geometry, words]);
  if (!geometry) return null;
  return html`<p class="card measured" role="status">
    <span>${words}</span>
    <button class="tool" aria-label=${t(language, "measure.clear")} onClick=${() => (measured.value = null)}><${Icon} name="close" /></button>
  </p>`;
}

/** What a line or a polygon that is being drawn measures so far; not shown for other sketches. */
export function growing(/** @type {Language} */ language) {
  const now = sketching.value;
  if (!now?.geometry || !["line", "polygon", "circle", "rectangle"].includes(now.kind)) return "";
  return wordsOf(language, now.geometry);
}

/**
 * The length of a line; the surface and the outline of a polygon.
 * @param {Language} language
 * @param {any} geometry
 * @returns {string}
 */
export function wordsOf(language, geometry) {
  if (geometry.type === "LineString") return t(language, "measure.length", { length: lengthText(language, length_m(geometry.coordinates)) });
  const [outline] = geometry.coordinates;
  return t(language, "measure.surface", { area: areaText(language, area_m2(geometry.coordinates)), length: lengthText(language, length_m(outline)) });
}

/**
 * @param {Language} language
 * @param {number} metres
 */
export function lengthText(language, metres) {
  return metres < 1000 ? `${formatNumber(language, Number(metres.toFixed(1)))} m` : `${formatNumber(language, Number((metres / 1000).toFixed(3)))} km`;
}

/**
 * A length for a table: whole metres, and kilometres with one digit, below one another.
 * @param {Language} language
 * @param {number} metres
 */
export function roughLength(language, metres) {
  if (metres < 999.5) return `${formatNumber(language, Math.round(metres))} m`;
  return `${new Intl.NumberFormat(language, { minimumFractionDigits: 1, maximumFractionDigits: 1 }).format(metres / 1000)} km`;
}

/**
 * @param {Language} language
 * @param {number} square_metres
 */
function areaText(language, square_metres) {
  if (square_metres < 100_000) return `${formatNumber(language, Number(square_metres.toFixed(0)))} m²`;
  return `${formatNumber(language, Number((square_metres / 1e6).toPrecision(5)))} km²`;
}

/** @param {any} geometry */
function lastOf(geometry) {
  const line = geometry.type === "LineString" ? geometry.coordinates : geometry.coordinates[0].slice(0, -1);
  return { type: "Point", coordinates: line.at(-1) };
}
