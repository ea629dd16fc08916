// Drawing one shape on the map with the pointer; terra-draw is read when it is first needed. While somebody draws, the tool
// owns the clicks. Enter ends a line or a polygon, Escape cancels.

import { signal } from "../../vendor/signals.mjs";
import { tool } from "../state/tool.js";

/** @typedef {import("../state/tool.js").Tool} Tool */
/** @typedef {Exclude<Tool, "inspect">} Kind */
/** @typedef {import("maplibre-gl").Map} MapLibre */
/** @typedef {{ kind: Kind, geometry: any, ready: boolean, finish: () => void, cancel: () => void }} Sketch  geometry: what is drawn so far */

const CLICK_MS = 120; // the click that ends a shape comes after the pointer that ended it, and asks for nothing
const DECIMALS = 7;

/** @type {import("@preact/signals").Signal<Sketch | null>} */
export const sketching = signal(/** @type {Sketch | null} */ (null));

/**
 * Draw one shape.
 * @param {MapLibre} map
 * @param {Kind} kind
 * @returns {Promise<any>} its geometry as GeoJSON; null when it was cancelled, or another sketch began
 */
export async function sketch(map, kind) {
  sketching.peek()?.cancel();
  tool.value = kind;
  map.getCanvas().style.cursor = "crosshair";
  map.getCanvas().focus();
  try {
    return await (kind === "point" ? point(map) : shape(map, kind));
  } finally {
    if (!sketching.peek()) setTimeout(() => sketching.peek() ?? rest(map), CLICK_MS);
  }
}

/** @param {MapLibre} map */
function rest(map) {
  tool.value = "inspect";
  map.getCanvas().style.cursor = "";
}

/**
 * @param {MapLibre} map
 * @returns {Promise<any>}
 */
function point(map) {
  return new Promise((resolve) => {
    const end = (/** @type {any} */ geometry) => {
      map.off("click", chosen);
      map.off("remove", cancel);
      removeEventListener("keydown", onKey, true);
      sketching.value = null;
      resolve(geometry);
    };
    const cancel = () => end(null);
    const place = (/** @type {import("maplibre-gl").LngLat} */ { lng, lat }) => ({ type: "Point", coordinates: [lng, lat].map(shorter) });
    const chosen = (/** @type {import("maplibre-gl").MapMouseEvent} */ event) => end(place(event.lngLat));
    const onKey = keys({ Escape: cancel, Enter: () => end(place(map.getCenter())) });
    map.on("click", chosen);
    map.once("remove", cancel);
    addEventListener("keydown", onKey, true);
    sketching.value = { kind: "point", geometry: null, ready: true, finish: () => end(place(map.getCenter())), cancel };
  });
}

/**
 * @param {MapLibre} map
 * @param {Exclude<Kind, "point">} kind
 * @returns {Promise<any>}
 */
async function shape(map, kind) {
  let cancelled = false;
  sketching.value = { kind, geometry: null, ready: false, finish: () => {}, cancel: () => {
    cancelled = true;
    sketching.value = null;
  } }; // while terra-draw is read
  const giveUp = keys({ Escape: () => sketching.peek()?.cancel() });
  addEventListener("keydown", giveUp, true);
  const draw = await terraDraw(map, kind).catch((error) => {
    sketching.value = null;
    throw error;
  }).finally(() => removeEventListener("keydown", giveUp, true));
  if (cancelled) return null; // whoever cancelled has put an end to the sketch
  return new Promise((resolve) => {
    const end = (/** @type {any} */ geometry) => {
      removeEventListener("keydown", onKey, true);
      map.off("remove", cancel);
      draw.stop();
      sketching.value = null;
      resolve(geometry);
    };
    const cancel = () => end(null);
    const finish = () => map.getCanvas().dispatchEvent(new KeyboardEvent("keyup", { key: "Enter", bubbles: true }));
    const onKey = keys({ Escape: cancel });
    const current = () => draw.getSnapshot().find(({ properties }) => properties["mode"] === MODES[kind])?.geometry ?? null;
    draw.on("change", () => (sketching.value = { kind, geometry: current(), ready: true, finish, cancel }));
    draw.on("finish", (id) => end(rounded(draw.getSnapshotFeature(id)?.geometry)));
    addEventListener("keydown", onKey, true);
    map.once("remove", cancel);
    draw.start();
    draw.setMode(MODES[kind]);
    sketching.value = { kind, geometry: null, ready: true, finish, cancel };
  });
}

/** @type {Record<Exclude<Kind, "point">, string>} names of terra-draw */
const MODES = { line: "linestring", rectangle: "rectangle", circle: "circle", polygon: "polygon" };

/**
 * @param {MapLibre} map
 * @param {Exclude<Kind, "point">} kind
 */
async function terraDraw(map, kind) {
  const [draws, { TerraDrawMapLibreGLAdapter }] = await Promise.all([
    import("../../vendor/terra-draw.mjs"),
    import("../../vendor/terra-draw-maplibre.mjs"),
  ]);
  const made = {
    line: () => new draws.TerraDrawLineStringMode(),
    rectangle: () => new draws.TerraDrawRectangleMode(),
    circle: () => new draws.TerraDrawCircleMode(),
    polygon: () => new draws.TerraDrawPolygonMode(),
  };
  return new draws.TerraDraw({ adapter: new TerraDrawMapLibreGLAdapter({ map, coordinatePrecision: 9 }), modes: [made[kind]()] });
}

/**
 * A listener of keys that nobody else hears.
 * @param {Record<string, () => void>} actions
 */
function keys(actions) {
  return (/** @type {KeyboardEvent} */ event) => {
    const action = actions[event.key];
    const typing = event.target instanceof HTMLElement && /^(INPUT|SELECT|TEXTAREA|BUTTON|A)$/.test(event.target.tagName);
    if (!action || (typing && event.key === "Enter")) return;
    event.stopPropagation();
    action();
  };
}

const shorter = (/** @type {number} */ degrees) => Number(degrees.toFixed(DECIMALS));

/** @param {any} geometry */
function rounded(geometry) {
  const walk = (/** @type {any} */ part) => (typeof part === "number" ? shorter(part) : part.map(walk));
  return geometry ? { type: geometry.type, coordinates: walk(geometry.coordinates) } : null;
}
