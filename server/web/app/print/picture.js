// A picture of the map as it is shown, with a scale bar, north and a legend in it; and as a file with title, time and source.

import { formatTime, t, titleOf } from "../i18n.js";
import { legend, sourceIn } from "../map/style.js";
import { counter, shapeOf } from "../panels/swatch.js";
import { save } from "../query/save.js";
import { inView } from "../state/inview.js";
import { shownMap } from "../state/map.js";
import { isVisible } from "../store.js";
import { drawLegend, drawNorth, drawScale } from "./furniture.js";
import { RING, drawSigns, ringed } from "./signs.js";

/** @typedef {import("../types.js").State} State */
/** @typedef {{ code: string, color: string, text: string, shape: import("../panels/swatch.js").Shape, place: number, ring?: boolean }} LegendRow  code: empty for the layer as a whole; ring: what has one is marked */
/** @typedef {{ layer: string, title: string, rows: LegendRow[] }} LegendEntry */

const ROWS_MAX = 8; // of a layer with more, one row tells of all

/**
 * What the colours of the layers in view mean.
 * @param {State} state
 * @returns {LegendEntry[]}
 */
export function legendInView(state) {
  const map = shownMap.peek();
  const notes = legend(state.style);
  if (!map) return [];
  const next = counter();
  const seen = new Set(map.queryRenderedFeatures().map(({ source }) => source));
  return (state.map?.layers ?? []).flatMap((layer) => {
    const note = notes.get(layer.id);
    if (!note || !seen.has(layer.id) || !isVisible(state, layer)) return [];
    const here = inView.peek().get(layer.id)?.codes;
    const rows = note.codes.flatMap((code) => (code.color && (!here?.size || here.has(code.code)) ? [{ code: code.code, color: code.color, text: titleOf(state.language, code, "label") }] : []));
    const title = titleOf(state.language, layer);
    const shape = shapeOf(layer.geometry_type);
    const told = rows.length > 0 && rows.length <= ROWS_MAX ? rows : [{ code: "", color: note.color, text: title }];
    const rings = ringed(map, layer.id).length ? (note.marks ?? []) : [];
    const marks = rings.map((mark) => ({ code: "ring", color: RING, text: titleOf(state.language, mark), shape, place: 0, ring: true }));
    return [{ layer: layer.id, title, rows: [...told.map((row) => ({ ...row, shape, place: next(shape) })), ...marks] }];
  });
}

/** Turns a dark map into one for paper: light and dark change places, colours keep their hue. */
export const FOR_PAPER = "invert(1) hue-rotate(180deg)";

/**
 * The map's pixels with scale bar and north, and the legend if it is asked for; null without a map.
 * @param {State} state
 * @param {{ withLegend: boolean, aspect?: number }} how  aspect: width by height of the part around the middle; all of it if not given
 * @returns {HTMLCanvasElement | null}
 */
export function mapPicture(state, { withLegend, aspect }) {
  const map = shownMap.peek();
  if (!map) return null;
  map.redraw(); // its pixels are there until this task ends
  const drawn = map.getCanvas();
  const picture = document.createElement("canvas");
  const wanted = aspect ?? drawn.width / drawn.height;
  picture.width = Math.round(Math.min(drawn.width, drawn.height * wanted));
  picture.height = Math.round(Math.min(drawn.height, drawn.width / wanted));
  const pen = context(picture);
  if (aspect && state.theme === "dark") pen.filter = FOR_PAPER;
  const ratio = map.getPixelRatio(); // the canvas may be out of sight already, without a size on the screen
  const middle = map.project(map.getCenter()); // of what the panels leave free
  const from = (/** @type {number} */ at, /** @type {number} */ part, /** @type {number} */ whole) => Math.max(0, Math.min(whole - part, at * ratio - part / 2));
  const [left, top] = [from(middle.x, picture.width, drawn.width), from(middle.y, picture.height, drawn.height)];
  pen.drawImage(drawn, -left, -top);
  pen.scale(ratio, ratio);
  drawSigns(pen, map, state, legendInView(state), { x: left / ratio, y: top / ratio });
  pen.filter = "none";
  const size = { width: picture.width / ratio, height: picture.height / ratio };
  drawScale(pen, size, map, state);
  drawNorth(pen, size, map.getBearing());
  if (withLegend) drawLegend(pen, size, legendInView(state));
  return picture;
}

/**
 * Save the picture as a PNG file.
 * @param {State} state
 */
export async function savePicture(state) {
  const picture = mapPicture(state, { withLegend: true });
  if (!picture) return;
  const head = 52 * (picture.width / (shownMap.peek()?.getCanvas().clientWidth ?? picture.width));
  const page = document.createElement("canvas");
  [page.width, page.height] = [picture.width, picture.height + 2 * head];
  const pen = context(page);
  const look = getComputedStyle(document.documentElement);
  pen.fillStyle = look.getPropertyValue("--surface");
  pen.fillRect(0, 0, page.width, page.height);
  pen.drawImage(picture, 0, head);
  pen.fillStyle = look.getPropertyValue("--text");
  const write = (/** @type {string} */ text, /** @type {number} */ y, /** @type {number} */ size) => {
    pen.font = `${size}px ${look.fontFamily}`;
    pen.textBaseline = "middle";
    pen.fillText(text, head / 3, y, page.width - (2 * head) / 3);
  };
  write(titleText(state), head / 2, head * 0.42);
  write(sourceText(state), page.height - head / 2, head * 0.27);
  const blob = await new Promise((resolve) => page.toBlob(resolve, "image/png"));
  if (blob) save(/** @type {Blob} */ (blob), `onemap-${new Date().toISOString().slice(0, 16).replace(/\D/g, "")}.png`);
}

/** @param {State} state */
export function titleText({ language, map }) {
  return map?.title_zh ? `${t(language, "app.name")} · ${titleOf(language, map)}` : t(language, "app.name");
}

/**
 * When the picture was taken, of what, and from whom the data are.
 * @param {State} state
 */
export function sourceText(state) {
  const { language, map } = state;
  const shown = (map?.layers ?? []).filter((layer) => isVisible(state, layer));
  const sources = [...new Set(shown.flatMap((layer) => (layer.attribution ? sourceIn(language, layer.attribution) : [])))].join("；");
  const parts = [t(language, "print.time", { time: formatTime(language, new Date().toISOString()) }), t(language, "print.crs")];
  if (sources) parts.push(t(language, "print.source", { sources }));
  if (map?.synthetic) parts.push(t(language, "app.synthetic"));
  return parts.join("  |  ");
}

/** @param {HTMLCanvasElement} canvas */
function context(canvas) {
  const pen = canvas.getContext("2d");
  if (!pen) throw new Error("this browser gives no 2-D canvas");
  return pen;
}
