// The map itself: made once, brought into step with the style and the state after each change.

import * as maplibre from "../../vendor/maplibre-gl.mjs";
import { address, identity } from "../api.js";
import { mapTexts } from "../i18n.js";
import { collection, dressed, isClickable, wanted } from "./style.js";

/** @typedef {import("../store.js").Store} Store */
/** @typedef {import("../types.js").State} State */
/** @typedef {import("../types.js").Style} Style */
/** @typedef {import("../types.js").MapDocument} MapDocument */
/** @typedef {import("../types.js").View} View */
/** @typedef {import("../types.js").Hit} Hit */

const MOST_HITS = 20;
const CLICK_PIXELS = 4;

/** @typedef {Pick<State, "style" | "map" | "toggled" | "relief"> & { marked: any[] }} Shown */
/** @type {WeakMap<maplibre.Map, Shown>} what each map was last told to show */
const shown = new WeakMap();

/**
 * @param {HTMLElement} container
 * @param {View | null} view  null frames the district
 * @param {State & { style: Style, map: MapDocument }} state
 * @returns {maplibre.Map}
 * @throws when the browser has no WebGL 2
 */
export function createMap(container, view, state) {
  const place = view
    ? { center: /** @type {[number, number]} */ ([view.lon, view.lat]), zoom: view.zoom }
    : { bounds: state.map.bbox ?? undefined, fitBoundsOptions: { padding: framing() } };
  const map = new maplibre.Map({
    container,
    style: dressed(state.style, wanted(state), []),
    ...place,
    maxPitch: 70,
    attributionControl: false,
    validateStyle: false,
    zoomLevelsToOverscale: undefined, // what is cut from a deepest tile would be kept when that tile is asked for again
    locale: mapTexts(state.language),
    transformRequest: (url) => (isOurs(url) ? { url, headers: identity() } : { url }),
  });
  shown.set(map, { ...state, marked: [] });
  map.addControl(new maplibre.AttributionControl({ compact: true }), "bottom-right");
  map.addControl(new maplibre.NavigationControl({ visualizePitch: true }), "bottom-right");
  map.addControl(new maplibre.ScaleControl({ maxWidth: 110 }), "bottom-left");
  return map;
}

/** @param {string} url  whether the answer depends on who asks */
const isOurs = (url) => url.startsWith(address("tiles/")) || url.startsWith(address("styles/"));

export function isPhone() {
  return matchMedia("(max-width: 720px)").matches;
}

/** Room for what floats over the map: the layer list on a desk, the bottom sheet on a phone. */
export function framing() {
  return isPhone() ? { top: 80, bottom: 150, left: 20, right: 20 } : { top: 84, bottom: 48, left: 330, right: 60 };
}

/**
 * Bring the map into step with the style and the switches; what did not change stays as it is drawn.
 * @param {maplibre.Map} map
 * @param {State} state
 */
export function show(map, state) {
  const before = shown.get(map);
  if (!state.style || !before || isTold(before, state)) return;
  shown.set(map, { ...state, marked: before.marked });
  map.setStyle(dressed(state.style, wanted(state), before.marked), { diff: true, validate: false }); // the server makes no invalid ones
  for (const layer of state.map?.layers ?? []) {
    const known = before.map?.layers.find((one) => one.id === layer.id);
    if (known && known.version !== layer.version) refresh(map, layer.id);
  }
  map.triggerRepaint(); // it may have come to rest before it was told, and says so only after drawing
}

/**
 * Ask for a layer's tiles again, what is drawn stays until they come; those that did not change come as a 304.
 * @param {maplibre.Map} map
 * @param {string} id
 */
export function refresh(map, id) {
  const seen = ownLayers(map, id).some((style) => map.getLayoutProperty(style, "visibility") !== "none");
  if (map.getSource(id) && seen) map.refreshTiles(id);
}

/**
 * Whether the map was told all that the state says, and every tile of it is there.
 * @param {maplibre.Map} map
 * @param {State} state
 */
export function isComplete(map, state) {
  const told = shown.get(map);
  return told !== undefined && isTold(told, state) && map.areTilesLoaded();
}

/**
 * @param {Shown} told
 * @param {State} state
 */
function isTold(told, state) {
  return told.style === state.style && told.map === state.map && told.toggled === state.toggled && told.relief === state.relief;
}

/**
 * @param {maplibre.Map} map
 * @param {string} id
 */
function ownLayers(map, id) {
  return map.getLayersOrder().filter((style) => style.startsWith(`${id}:`));
}

/**
 * Everything at a point of the screen, what is drawn on top first, each feature once.
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
 * Bring a feature into view.
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
 * Mark one feature, or none.
 * @param {maplibre.Map} map
 * @param {any} geometry  GeoJSON, or null
 */
export function mark(map, geometry) {
  const marked = geometry ? [geometry] : [];
  const source = /** @type {maplibre.GeoJSONSource | undefined} */ (map.getSource("chosen"));
  const before = shown.get(map);
  if (!before || (!geometry && !before.marked.length)) return;
  shown.set(map, { ...before, marked });
  source?.setData(/** @type {any} */ (collection(marked)));
}
