// The signs of a legend: colour is never alone. Shape is the kind of geometry; rows of one shape are told apart by a pattern,
// and beyond those by a letter, so that a grey print can be read.

import { html } from "../../vendor/preact.mjs";

/** @typedef {"point" | "line" | "area"} Shape */

const OUTLINES = { point: "M7 1a6 6 0 1 1 0 12a6 6 0 1 1 0-12z", line: "M0 4h14v6h-14z", area: "M1 1h12v12h-12z" };
/** Strokes of the ground's colour over the sign; the first sign is plain. */
const PATTERNS = ["", "M7 0v14", "M0 7h14", "M2 2l10 10", "M2 12l10-10", "M2 2l10 10M2 12l10-10", "M7 0v14M0 7h14", "M4 0v14M10 0v14"];
const LETTERS = "ABCDEFGHJKLMNPQRSTUVWXYZ";

/**
 * @param {string} geometry  of a layer: Point, MultiLineString, Polygon …
 * @returns {Shape}
 */
export function shapeOf(geometry) {
  if (geometry.includes("Point")) return "point";
  return geometry.includes("Line") ? "line" : "area";
}

/**
 * How a sign differs from those before it.
 * @param {Shape} shape
 * @param {number} place  among the signs of its shape
 * @returns {{ outline: string, pattern: string, letter: string }}
 */
export function signAt(shape, place) {
  const letter = place < PATTERNS.length ? "" : LETTERS[(place - PATTERNS.length) % LETTERS.length] ?? "";
  return { outline: OUTLINES[shape], pattern: PATTERNS[place] ?? "", letter };
}

/**
 * Numbers the rows of each shape, in the order in which they are asked.
 * @returns {(shape: Shape) => number}
 */
export function counter() {
  const counts = { point: 0, line: 0, area: 0 };
  return (shape) => counts[shape]++;
}

/** @param {{ shape: Shape, color: string, place: number, ground?: string, filter?: string }} props */
export function Sign({ shape, color, place, ground = "var(--surface)", filter = "" }) {
  const { outline, pattern, letter } = signAt(shape, place);
  return html`<svg class="sign" viewBox="0 0 14 14" style=${filter ? { filter } : {}} aria-hidden="true">
    <path d=${outline} fill=${color} />
    ${pattern && html`<path d=${pattern} stroke=${ground} stroke-width="2.4" />`}
    ${letter && html`<text x="7" y="10.6" text-anchor="middle" font-size="10" font-weight="700" fill=${ground}>${letter}</text>`}
  </svg>`;
}

/**
 * The same on a picture of the map, for paper.
 * @param {CanvasRenderingContext2D} pen
 * @param {{ shape: Shape, color: string, place: number }} sign
 * @param {number} x  of its left upper corner
 * @param {number} y
 */
export function drawSign(pen, { shape, color, place }, x, y) {
  const { outline, pattern, letter } = signAt(shape, place);
  pen.save();
  pen.translate(x, y);
  pen.fillStyle = color;
  pen.fill(new Path2D(outline));
  pen.strokeStyle = pen.fillStyle = "#fff";
  pen.lineWidth = 2.4;
  if (pattern) pen.stroke(new Path2D(pattern));
  pen.font = "700 10px sans-serif";
  pen.textAlign = "center";
  if (letter) pen.fillText(letter, 7, 10.6);
  pen.restore();
}
