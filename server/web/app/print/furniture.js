// What stands on a picture of the map besides the map: a scale bar, north, a legend.

import { lengthText } from "../measure/measure.js";
import { drawSign } from "../panels/swatch.js";
import { drawRing } from "./signs.js";

/** @typedef {import("../types.js").State} State */
/** @typedef {import("./picture.js").LegendEntry} LegendEntry */

const PAD = 12;
const ROWS_MAX = 18;
const BAR_PIXELS = 140;

/** @typedef {{ width: number, height: number }} Size */

/**
 * @param {CanvasRenderingContext2D} pen
 * @param {Size} size
 * @param {import("maplibre-gl").Map} map
 * @param {State} state
 */
export function drawScale(pen, size, map, state) {
  const metresPerPixel = (Math.cos((map.getCenter().lat * Math.PI) / 180) * 2 * Math.PI * 6_378_137) / (512 * 2 ** map.getZoom());
  const most = BAR_PIXELS * metresPerPixel;
  const power = 10 ** Math.floor(Math.log10(most));
  const metres = [5, 2, 1].map((step) => step * power).find((length) => length <= most) ?? power;
  const [width, x, y] = [metres / metresPerPixel, PAD, size.height - PAD - 8];
  plate(pen, x - 4, y - 24, width + 12, 36);
  pen.fillStyle = pen.strokeStyle = "#111";
  pen.lineWidth = 2;
  pen.beginPath();
  pen.moveTo(x + 2, y - 5);
  pen.lineTo(x + 2, y + 2);
  pen.lineTo(x + 2 + width, y + 2);
  pen.lineTo(x + 2 + width, y - 5);
  pen.stroke();
  words(pen, lengthText(state.language, metres), x + 6, y - 12, 12);
}

/**
 * @param {CanvasRenderingContext2D} pen
 * @param {Size} size
 * @param {number} bearing
 */
export function drawNorth(pen, size, bearing) {
  const [x, y] = [size.width - PAD - 18, PAD + 24];
  plate(pen, x - 20, y - 26, 40, 54);
  pen.save();
  pen.translate(x, y);
  pen.rotate((-bearing * Math.PI) / 180);
  pen.fillStyle = "#111";
  pen.beginPath();
  pen.moveTo(0, -12);
  pen.lineTo(8, 14);
  pen.lineTo(0, 8);
  pen.lineTo(-8, 14);
  pen.fill();
  words(pen, "N", -5, -19, 12);
  pen.restore();
}

/**
 * @param {CanvasRenderingContext2D} pen
 * @param {Size} size
 * @param {LegendEntry[]} entries
 */
export function drawLegend(pen, size, entries) {
  const lines = entries.flatMap(({ title, rows }) => (rows[0]?.text !== title ? [{ text: title, color: "", shape: /** @type {const} */ ("area"), place: 0, ring: false }, ...rows] : rows)).slice(0, ROWS_MAX);
  if (!lines.length) return;
  const height = lines.length * 18 + 12;
  pen.font = "12px sans-serif";
  const width = Math.max(...lines.map(({ text }) => pen.measureText(text).width)) + 40;
  const [x, y] = [size.width - PAD - width, size.height - PAD - height];
  plate(pen, x, y, width, height);
  lines.forEach(({ text, color, shape, place, ring }, at) => {
    const line = y + 15 + at * 18;
    if (ring) drawRing(pen, x + 15, line, 5.5);
    else if (color) drawSign(pen, { shape, color, place }, x + 8, line - 7);
    pen.fillStyle = "#111";
    words(pen, text, x + (color ? 30 : 8), line, 12);
  });
}

/**
 * @param {CanvasRenderingContext2D} pen
 * @param {number} x
 * @param {number} y
 * @param {number} width
 * @param {number} height
 */
function plate(pen, x, y, width, height) {
  pen.fillStyle = "#ffffffe0";
  pen.fillRect(x, y, width, height);
}

/**
 * @param {CanvasRenderingContext2D} pen
 * @param {string} text
 * @param {number} x
 * @param {number} y
 * @param {number} size
 */
function words(pen, text, x, y, size) {
  pen.font = `${size}px sans-serif`;
  pen.textBaseline = "middle";
  pen.fillText(text, x, y);
}
