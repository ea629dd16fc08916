// Water in 3-D: columns where it stands on the ground, and at stations beside the mark of the warning level. Heights are
// exaggerated, as the legend says: half a metre of water among towers would not be seen.

import { html } from "../../vendor/preact.mjs";
import { effect, signal } from "../../vendor/signals.mjs";
import { fetchPage } from "../api.js";
import { circle } from "../draw/geodesy.js";
import { formatNumber, formatTime, t } from "../i18n.js";
import { follow } from "../live.js";
import { at } from "../state/time.js";
import { isVisible, layerOf } from "../store.js";

/** @typedef {import("maplibre-gl").Map} MapLibre */
/** @typedef {import("../store.js").Store} Store */
/** @typedef {import("../types.js").State} State */
/** @typedef {import("../types.js").Feature} Feature */
/** @typedef {{ count: number, over: number, stale: number, from: number, to: number }} Waters  times in ms, 0 where none is known */
/** @typedef {{ base: number, top: number, kind: "water" | "over" | "stale" | "mark" }} Block  m above the ground */

const SOURCE = "over-waters";
const TOLD = "over-waters-told";
const SIGNS = { water: "", over: "▲ ", stale: "○ ", mark: "" };
const MOST = 2000;
const SOON_MS = 2000;
const STALE_MS = 3_600_000;
const RADIUS_M = 35;
const RADIUS_PIXELS = 7; // at least, as far away as the map may be
const DEPTH_TIMES = 200;
const LEVEL_TIMES = 50;
const MARK_M = 100; // where the mark of the warning level floats
const LEAST_M = 4;
const OVER_M = 0.3; // as the classes of depth have it: cars stop
const COLORS = { water: "#3f9fe8", over: "#e5484d", stale: "#8a929c", mark: "#f2c14e" };
const LAYERS = {
  flood_risk_points: "water_depth_m,water_depth_at",
  water_level_stations: "level_m,level_at,warning_level_m,is_stale",
};

/** What stands on the map, for its legend; null while it is flat. */
export const waters = signal(/** @type {Waters | null} */ (null));

/**
 * Keep the water on a map: of the moment of the page, and of now as the stream tells of changes.
 * @param {MapLibre} map
 * @param {Store} store
 * @returns {() => void} takes it off
 */
export function followWaters(map, store) {
  let [ended, asked] = [false, 0];
  /** @type {Feature[]} */
  let shown = [];
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let waiting;
  const read = async () => {
    clearTimeout(waiting);
    waiting = undefined;
    const turn = ++asked;
    try {
      const found = await readWaters(store.get());
      if (ended || turn !== asked) return;
      shown = found;
      draw();
    } catch (error) {
      console.warn(error); // what stands stays, with its times
    }
  };
  const draw = () => put(map, shown);
  const stop = follow(() => at.peek() || (waiting ??= setTimeout(() => void read(), SOON_MS)), Object.keys(LAYERS));
  const forget = store.subscribe((now, before) => {
    if (now.toggled !== before.toggled || now.topic !== before.topic || now.map !== before.map) waiting ??= setTimeout(() => void read(), 0);
  });
  map.on("zoomend", draw); // columns are as wide as they must be to be seen
  const still = effect(() => {
    void at.value;
    void read();
  });
  return () => {
    ended = true;
    map.off("zoomend", draw);
    still();
    forget();
    stop();
    clearTimeout(waiting);
    waters.value = null;
    if (!map.getStyle()) return; // the map is gone
    for (const id of [TOLD, SOURCE]) if (map.getLayer(id)) map.removeLayer(id);
    if (map.getSource(SOURCE)) map.removeSource(SOURCE);
  };
}

/**
 * The features that measure water, of the layers that are on.
 * @param {State} state
 * @returns {Promise<Feature[]>}
 */
async function readWaters(state) {
  const on = Object.entries(LAYERS).filter(([id]) => {
    const layer = layerOf(state, id);
    return layer !== undefined && isVisible(state, layer);
  });
  const pages = on.map(([id, properties]) => fetchPage(`ogc/collections/${id}/items?${new URLSearchParams({ f: "json", limit: String(MOST), properties })}`));
  return (await Promise.all(pages)).flatMap(({ features }) => features);
}

/** @param {MapLibre} map @param {Feature[]} found */
function put(map, found) {
  const moment = at.peek() ? Date.parse(at.peek() ?? "") : Date.now();
  const told = { count: 0, over: 0, stale: 0, from: 0, to: 0 };
  const pixel_m = (40_075_017 * Math.cos((map.getCenter().lat * Math.PI) / 180)) / (512 * 2 ** map.getZoom());
  const radius_m = Math.max(RADIUS_M, RADIUS_PIXELS * pixel_m);
  const features = found.flatMap((feature) => {
    const blocks = blocksOf(feature.properties, moment);
    if (blocks.length) count(told, feature.properties, blocks);
    return [...blocks.map((block, n) => drawn(feature, block, n, radius_m)), ...blocks.slice(0, 1).map(({ kind }) => words(feature, kind))];
  });
  const data = /** @type {any} */ ({ type: "FeatureCollection", features });
  const source = /** @type {import("maplibre-gl").GeoJSONSource | undefined} */ (map.getSource(SOURCE));
  if (source) source.setData(data);
  else {
    map.addSource(SOURCE, { type: "geojson", data });
    map.addLayer(/** @type {any} */ ({
      id: SOURCE, type: "fill-extrusion", source: SOURCE,
      paint: { "fill-extrusion-color": ["match", ["get", "kind"], ...Object.entries(COLORS).flat(), COLORS.water],
        "fill-extrusion-base": ["get", "base"], "fill-extrusion-height": ["get", "top"], "fill-extrusion-opacity": 0.78 },
      filter: ["==", ["geometry-type"], "Polygon"],
    }));
    map.addLayer(lettering(map));
  }
  waters.value = told;
}

/**
 * The blocks of a feature, from the ground up; none where it has measured nothing, or no water stands.
 * @param {Record<string, any>} properties
 * @param {number} moment  in ms
 * @returns {Block[]}
 */
export function blocksOf({ water_depth_m: depth, level_m: level, warning_level_m: warning, is_stale: silent, ...times }, moment) {
  const time = Date.parse(times["water_depth_at"] ?? times["level_at"] ?? "");
  const stale = silent === true || !(moment - time < STALE_MS);
  if (typeof depth === "number" && depth > 0) return [{ base: 0, top: Math.max(LEAST_M, depth * DEPTH_TIMES), kind: stale ? "stale" : depth > OVER_M ? "over" : "water" }];
  if (typeof level !== "number" || typeof warning !== "number") return [];
  const top = Math.max(LEAST_M, MARK_M + (level - warning) * LEVEL_TIMES);
  return [{ base: 0, top, kind: stale ? "stale" : level >= warning ? "over" : "water" }, { base: MARK_M - 2, top: MARK_M + 2, kind: "mark" }];
}

/** @param {Waters} told @param {Record<string, any>} properties @param {Block[]} blocks */
function count(told, properties, blocks) {
  const time = Date.parse(properties["water_depth_at"] ?? properties["level_at"] ?? "");
  told.count += 1;
  told.over += blocks[0]?.kind === "over" ? 1 : 0;
  told.stale += blocks[0]?.kind === "stale" ? 1 : 0;
  if (Number.isNaN(time)) return;
  told.from = told.from ? Math.min(told.from, time) : time;
  told.to = Math.max(told.to, time);
}

/** @param {Feature} feature @param {Block} block @param {number} n @param {number} radius_m */
function drawn({ id, geometry }, block, n, radius_m) {
  const place = /** @type {[number, number]} */ (/** @type {any} */ (geometry).coordinates);
  const wide = block.kind === "mark" ? radius_m * 1.4 : radius_m;
  return { type: "Feature", properties: { ...block, id, n }, geometry: { type: "Polygon", coordinates: [circle(place, wide)] } };
}

/**
 * What a column says at its foot: how deep the water is or how high it stands, with the sign of the legend.
 * @param {Feature} feature
 * @param {keyof typeof SIGNS} kind
 */
function words({ geometry, properties }, kind) {
  const metres = properties["water_depth_m"] ?? properties["level_m"];
  return { type: "Feature", properties: { words: `${SIGNS[kind]}${metres.toFixed(2)} m` }, geometry };
}

/** The layer of these words, in the letters of the map's names. @param {MapLibre} map @returns {any} */
function lettering(map) {
  const like = /** @type {any} */ (map.getStyle().layers.find((layer) => layer.type === "symbol" && layer.layout?.["text-field"]));
  return {
    id: TOLD, type: "symbol", source: SOURCE, filter: ["==", ["geometry-type"], "Point"],
    layout: { "text-field": ["get", "words"], "text-font": like?.layout["text-font"], "text-size": 13, "text-anchor": "top", "text-offset": [0, 0.9], "text-allow-overlap": true },
    paint: { "text-color": like?.paint?.["text-color"], "text-halo-color": like?.paint?.["text-halo-color"], "text-halo-width": 1.6 },
  };
}

/** What the columns mean and how old they are, in the legend. @param {{ state: State }} props */
export function WatersLegend({ state: { language } }) {
  const told = waters.value;
  if (!told) return null;
  const row = (/** @type {keyof typeof COLORS} */ kind, /** @type {string} */ sign, /** @type {string} */ words) => html`<dd key=${kind}>
    <span class="column-sign" style=${{ "--color": COLORS[kind] }} aria-hidden="true">${sign}</span>${words}</dd>`;
  const time = (/** @type {number} */ ms) => formatTime(language, new Date(ms).toISOString());
  return html`<div class="waters-legend"><dt>${t(language, "water.title", { count: formatNumber(language, told.count) })}</dt>
    ${row("water", "▮", t(language, "water.water"))}${row("over", "▲", t(language, "water.over"))}
    ${row("stale", "○", t(language, "water.stale"))}${row("mark", "▬", t(language, "water.mark"))}
    <dd>${t(language, "water.exaggerated", { depth: String(DEPTH_TIMES), level: String(LEVEL_TIMES), mark: String(MARK_M) })}</dd>
    <dd>${!told.to ? t(language, "water.none") : time(told.from) === time(told.to) ? t(language, "water.asof", { time: time(told.to) }) : t(language, "water.age", { from: time(told.from), to: time(told.to) })}</dd></div>`;
}
