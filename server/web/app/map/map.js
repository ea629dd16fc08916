// The map itself: made once, brought into step with the catalogue and the state after each change.

import * as maplibre from "../../vendor/maplibre-gl.mjs";
import { address, identity } from "../api.js";
import { mapTexts } from "../i18n.js";
import { isVisible } from "../store.js";
import { isClickable, styleLayers } from "./layers.js";
import { BELOW, baseStyle } from "./style.js";

/** @typedef {import("../store.js").Store} Store */
/** @typedef {import("../types.js").State} State */
/** @typedef {import("../types.js").Layer} Layer */
/** @typedef {import("../types.js").MapDocument} MapDocument */
/** @typedef {import("../types.js").View} View */
/** @typedef {import("../types.js").Hit} Hit */

const MOST_HITS = 20;
const CLICK_PIXELS = 4;

/**
 * @param {HTMLElement} container
 * @param {MapDocument} document
 * @param {View | null} view  null frames the district
 * @param {State} state
 * @returns {maplibre.Map}
 * @throws when the browser has no WebGL 2
 */
export function createMap(container, document, view, state) {
  const place = view
    ? { center: /** @type {[number, number]} */ ([view.lon, view.lat]), zoom: view.zoom }
    : { bounds: document.bbox ?? undefined, fitBoundsOptions: { padding: framing() } };
  const map = new maplibre.Map({
    container,
    style: baseStyle(document),
    ...place,
    maxPitch: 70,
    attributionControl: false,
    locale: mapTexts(state.language),
    transformRequest: (url) => (url.startsWith(address("tiles/")) ? { url, headers: identity() } : { url }),
  });
  map.addControl(new maplibre.AttributionControl({ compact: true }), "bottom-right");
  map.addControl(new maplibre.NavigationControl({ visualizePitch: true }), "bottom-right");
  map.addControl(new maplibre.ScaleControl({ maxWidth: 110 }), "bottom-left");
  return map;
}

export function isPhone() {
  return matchMedia("(max-width: 720px)").matches;
}

/** Room for what floats over the map: the layer list on a desk, the bottom sheet on a phone. */
export function framing() {
  return isPhone() ? { top: 80, bottom: 150, left: 20, right: 20 } : { top: 84, bottom: 48, left: 330, right: 60 };
}

/**
 * Bring sources and style layers into step with the catalogue: new layers appear, changed tiles are fetched again.
 * @param {maplibre.Map} map
 * @param {State} state
 * @param {Map<string, Layer>} drawn  what the map shows now; brought up to date
 */
export function syncLayers(map, state, drawn) {
  const wanted = state.map?.layers ?? [];
  for (const id of [...drawn.keys()]) {
    const now = wanted.find((layer) => layer.id === id);
    if (!now || looksDifferent(now, drawn.get(id))) remove(map, id, drawn);
  }
  for (const layer of wanted) {
    const before = drawn.get(layer.id);
    if (!before) add(map, state, layer);
    else if (before.version !== layer.version) refresh(map, layer.id);
    drawn.set(layer.id, layer);
  }
  order(map, wanted);
  showVisible(map, state);
}

/**
 * @param {Layer} now
 * @param {Layer | undefined} before
 */
function looksDifferent(now, before) {
  const looks = (/** @type {Layer | undefined} */ one) =>
    JSON.stringify([one?.color, one?.label, one?.min_zoom, one?.geometry_type, one?.tile_fields, one?.bbox]);
  return looks(now) !== looks(before);
}

/**
 * Ask for a layer's tiles again, what is drawn stays until they come; those that did not change come as a 304.
 * @param {maplibre.Map} map
 * @param {string} id
 */
export function refresh(map, id) {
  const shown = ownLayers(map, id).some((style) => map.getLayoutProperty(style, "visibility") !== "none");
  if (map.getSource(id) && shown) map.refreshTiles(id);
}

/**
 * @param {maplibre.Map} map
 * @param {State} state
 * @param {Layer} layer
 */
function add(map, state, layer) {
  if (layer.geometry_type === "None" || !layer.bbox) return;
  map.addSource(layer.id, {
    type: "vector",
    tiles: [address(layer.tiles)],
    bounds: layer.bbox,
    minzoom: Math.min(layer.min_zoom, layer.max_zoom),
    maxzoom: layer.max_zoom,
    promoteId: "id",
    attribution: layer.attribution ?? "",
  });
  for (const style of styleLayers(layer, state.map?.codes ?? {})) map.addLayer(/** @type {any} */ (style), BELOW);
}

/**
 * Whether all that the catalogue has is on the map, and every tile of it there.
 * @param {maplibre.Map} map
 * @param {State} state
 */
export function isComplete(map, state) {
  const layers = state.map?.layers ?? [];
  const drawable = layers.filter((layer) => layer.geometry_type !== "None" && layer.bbox);
  const shown = (/** @type {Layer} */ layer) =>
    ownLayers(map, layer.id).every((id) => map.getLayoutProperty(id, "visibility") === visibility(id, layer, state));
  return map.areTilesLoaded() && drawable.every((layer) => map.getSource(layer.id) && shown(layer));
}

/**
 * @param {maplibre.Map} map
 * @param {string} id
 * @param {Map<string, Layer>} drawn
 */
function remove(map, id, drawn) {
  for (const style of ownLayers(map, id)) map.removeLayer(style);
  if (map.getSource(id)) map.removeSource(id);
  drawn.delete(id);
}

/**
 * What is drawn lies below the dimmed outside, labels lie over everything; those of the lowest order are placed first.
 * @param {maplibre.Map} map
 * @param {Layer[]} layers  in drawing order
 */
function order(map, layers) {
  for (const layer of layers) {
    for (const id of ownLayers(map, layer.id)) map.moveLayer(id, BELOW);
  }
  for (const layer of [...layers].reverse()) {
    if (map.getLayer(`${layer.id}:label`)) map.moveLayer(`${layer.id}:label`);
  }
}

/**
 * @param {maplibre.Map} map
 * @param {string} id
 */
function ownLayers(map, id) {
  return map.getLayersOrder().filter((style) => style.startsWith(`${id}:`));
}

/**
 * @param {maplibre.Map} map
 * @param {State} state
 */
export function showVisible(map, state) {
  for (const layer of state.map?.layers ?? []) {
    for (const id of ownLayers(map, layer.id)) map.setLayoutProperty(id, "visibility", visibility(id, layer, state));
  }
}

/**
 * @param {string} id  of one of the layer's drawn layers
 * @param {Layer} layer
 * @param {State} state
 */
function visibility(id, layer, state) {
  const wrong = id.endsWith(":relief") ? !state.relief : id.endsWith(":building") && state.relief;
  return isVisible(state, layer) && !wrong ? "visible" : "none";
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
  const clickable = map.getLayersOrder().filter((id) => isClickable(/** @type {any} */ ({ id })));
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
  const source = /** @type {maplibre.GeoJSONSource | undefined} */ (map.getSource("chosen"));
  source?.setData({ type: "FeatureCollection", features: geometry ? [{ type: "Feature", properties: {}, geometry }] : [] });
}
