// The map: created once, updated to the style and the state after each change.

import * as maplibre from "../../vendor/maplibre-gl.mjs";
import { address } from "../api.js";
import { condition } from "../events/filters.js";
import { mapTexts } from "../i18n.js";
import { isPhone } from "../screen.js";
import { collection, dressed, inTheme, isClickable, keepDrawn, shownIn } from "./style.js";
import { at } from "../state/time.js";
import { measureFrames } from "./pace.js";
import { Times } from "./times.js";

/** @typedef {import("../store.js").Store} Store */
/** @typedef {import("../types.js").State} State */
/** @typedef {import("../types.js").Style} Style */
/** @typedef {import("../types.js").MapDocument} MapDocument */
/** @typedef {import("../types.js").View} View */
/** @typedef {import("../types.js").Hit} Hit */

const MOST_HITS = 20;
const CLICK_PIXELS = 4;

/** @type {readonly (keyof State)[]} what of the state the drawn map depends on */
export const DRAWN = ["style", "map", "topics", "topic", "toggled", "fresh", "opacities", "order", "relief"];
/** @typedef {State & { marked: any[], events: string }} Shown  events: the condition of those that are drawn */
/** @type {WeakMap<maplibre.Map, Shown>} the state that each map shows, or will after drawing */
const shown = new WeakMap();
/** @type {WeakMap<maplibre.Map, Map<string, { x: number, y: number, z: number }[]>>} tiles that could not be read, by source */
const failed = new WeakMap();
/** @type {WeakMap<maplibre.Map, Times>} */
const times = new WeakMap();

/**
 * The moments that the layers of a map show.
 * @param {maplibre.Map} map
 */
export const timesOf = (map) => /** @type {Times} */ (times.get(map));

/**
 * @param {HTMLElement} container
 * @param {View | null} view  null frames the district
 * @param {State & { style: Style, map: MapDocument }} state
 * @param {{ value: string | null }} moment  that the map shows; null is now
 * @returns {maplibre.Map}
 * @throws when the browser has no WebGL 2
 */
export function createMap(container, view, state, moment = at) {
  const place = view
    ? { center: /** @type {[number, number]} */ ([view.lon, view.lat]), zoom: view.zoom, bearing: view.bearing, pitch: view.pitch }
    : { bounds: state.map.bbox ?? undefined, fitBoundsOptions: { padding: framing() } };
  const own = new Times(moment.value);
  const map = new maplibre.Map({
    container,
    style: dressed(inTheme(state.style, state), shownIn(state), []),
    ...place,
    maxPitch: 70,
    attributionControl: false,
    validateStyle: false,
    zoomLevelsToOverscale: undefined, // parts cut from a deepest tile would survive its refresh
    fadeDuration: matchMedia("(prefers-reduced-motion: reduce)").matches ? 0 : 300,
    locale: mapTexts(state.language),
    transformRequest: (url) => (isOurs(url) ? { url: own.address(url), cache: "no-cache" } : { url }),
  });
  shown.set(map, { ...state, marked: [], events: condition(state) });
  times.set(map, own);
  remember(map);
  measureFrames(map);
  map.addControl(new maplibre.AttributionControl({ compact: true }), "bottom-right");
  map.addControl(new maplibre.NavigationControl({ visualizePitch: true }), "bottom-right");
  map.addControl(new maplibre.ScaleControl({ maxWidth: 110 }), "bottom-left");
  return map;
}

/**
 * Whether the response depends on who is logged in. Such a copy in the browser is compared with the server's before it is
 * shown: browsers keep the answers to two cookies under one address.
 * @param {string} url
 */
const isOurs = (url) => url.startsWith(address("tiles/")) || url.startsWith(address("styles/"));

/** Padding for the panels over the map: the layer list on a desktop, the bottom sheet on a phone. */
export function framing() {
  if (isPhone()) {
    const height = document.querySelector(".mapview")?.clientHeight ?? 0; // an open drawer leaves little of it
    return { top: Math.min(80, height / 5), bottom: Math.min(150, height / 3), left: 20, right: 20 };
  }
  const docked = document.querySelector(".feature"); // what it covers is no place for what is to be seen
  return { top: 84, bottom: 48, left: 330, right: docked ? docked.clientWidth + 100 : 60 };
}

/**
 * Update the map to the style and the switches; unchanged parts stay drawn.
 * @param {maplibre.Map} map
 * @param {State} state
 */
export function show(map, state) {
  const before = shown.get(map);
  if (!state.style || !before || isShown(before, state)) return;
  shown.set(map, { ...state, marked: before.marked, events: condition(state) });
  map.setStyle(dressed(inTheme(state.style, state), shownIn(state), before.marked), { diff: true, validate: false, transformStyle: keepDrawn }); // the server sends no invalid ones
  for (const layer of state.map?.layers ?? []) {
    const known = before.map?.layers.find((one) => one.id === layer.id);
    if (known && known.version !== layer.version && timesOf(map).at === null) refresh(map, layer.id); // the past stays
  }
  map.triggerRepaint(); // an idle map reports idle again only after drawing
}

/**
 * The layers of the catalogue that a map draws from tiles: those that are shown, each with whether a filter chooses its
 * features, and those that are not.
 * @param {maplibre.Map} map
 */
export function tiled(map) {
  /** @type {Map<string, boolean>} */
  const on = new Map();
  const hidden = new Set();
  for (const style of map.getLayersOrder()) {
    const id = map.getLayer(style)?.source ?? "";
    const source = /** @type {maplibre.VectorTileSource | undefined} */ (map.getSource(id));
    if (source?.type !== "vector" || !style.startsWith(`${id}:`) || on.has(id)) continue;
    if (map.getLayoutProperty(style, "visibility") === "none") hidden.add(id);
    else on.set(id, /[?&]filter=/.test(source.tiles[0] ?? ""));
  }
  return { shown: on, hidden: [...hidden].filter((id) => !on.has(id)) };
}

/**
 * Request a layer's tiles again; drawn tiles stay until then, and unchanged tiles come as a 304. Of a layer that is not
 * shown, what was kept of it is dropped. Tiles that could not be read are asked for by name: refreshed with all others,
 * MapLibre would wait for ever for their first answer.
 * @param {maplibre.Map} map
 * @param {string} id
 */
export function refresh(map, id) {
  if (map.getSource(id)?.type !== "vector") return; // what moves has a source that the stream feeds
  const missing = failed.get(map)?.get(id) ?? [];
  failed.get(map)?.delete(id);
  if (missing.length) map.refreshTiles(id, missing);
  map.refreshTiles(id);
}

/**
 * Remember the tiles that a map could not read.
 * @param {maplibre.Map} map
 */
function remember(map) {
  const tiles = new Map();
  failed.set(map, tiles);
  map.on("error", (event) => {
    const { sourceId, tile } = /** @type {any} */ (event);
    if (sourceId && tile) tiles.set(sourceId, [...(tiles.get(sourceId) ?? []), tile.tileID.canonical]);
  });
}

/**
 * Whether the map shows the state, with all of its tiles.
 * @param {maplibre.Map} map
 * @param {State} state
 */
export function isComplete(map, state) {
  const current = shown.get(map);
  return current !== undefined && isShown(current, state) && map.areTilesLoaded();
}

/**
 * @param {Shown} current
 * @param {State} state
 */
function isShown(current, state) {
  return DRAWN.every((name) => current[name] === state[name]) && current.events === condition(state);
}

/**
 * The features at a point of the screen, the topmost first, each once.
 * @param {maplibre.Map} map
 * @param {maplibre.Point} at
 * @returns {Hit[]}
 */
export function hitsAt(map, at) {
  const box = /** @type {any} */ ([
    [at.x - CLICK_PIXELS, at.y - CLICK_PIXELS],
    [at.x + CLICK_PIXELS, at.y + CLICK_PIXELS],
  ]);
  const clickable = map.getLayersOrder().filter(isClickable);
  /** @type {Map<string, Hit>} */
  const hits = new Map();
  for (const feature of map.queryRenderedFeatures(box, { layers: clickable })) {
    const hit = { layer: feature.source, id: String(feature.properties.id) };
    hits.set(`${hit.layer}/${hit.id}`, hit);
  }
  return [...hits.values()].slice(0, MOST_HITS);
}

/**
 * Move the map to a feature.
 * @param {maplibre.Map} map
 * @param {any} geometry  GeoJSON
 */
export function flyTo(map, geometry) {
  const bounds = new maplibre.LngLatBounds();
  const walk = (/** @type {any} */ part) => {
    if (typeof part?.[0] === "number") bounds.extend(part);
    else part?.forEach(walk);
  };
  walk(geometry.coordinates);
  if (!bounds.isEmpty()) map.fitBounds(bounds, { padding: framing(), maxZoom: 17, duration: 0 });
}

/**
 * Mark one feature and the way it came, or none.
 * @param {maplibre.Map} map
 * @param {any[]} geometries  GeoJSON; null for what there is not
 */
export function mark(map, ...geometries) {
  const marked = geometries.filter(Boolean);
  const source = /** @type {maplibre.GeoJSONSource | undefined} */ (map.getSource("chosen"));
  const before = shown.get(map);
  if (!before || (!marked.length && !before.marked.length)) return;
  shown.set(map, { ...before, marked });
  source?.setData(/** @type {any} */ (collection(marked)));
}
