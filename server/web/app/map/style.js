// The style of the server, adapted to the page: with switched layers and marked geometries.

import { LAYER as EVENTS, condition } from "../events/filters.js";
import { partIn } from "../i18n.js";
import { isVisible, opacityOf } from "../store.js";
import { filtered, topicOf } from "../topics.js";
import { hotData, isHot } from "./hot.js";
import { faint, hoverable } from "./paint.js";

/** @typedef {import("../types.js").State} State */
/** @typedef {import("../types.js").Style} Style */
/** @typedef {import("../types.js").Layer} Layer */
/** @typedef {import("../types.js").StyleLayer} StyleLayer */
/** @typedef {{ layer: string, color: string, field: string | null, codes: import("../types.js").Code[],
 *   marks?: { sign: string, title_zh: string, title_en: string }[] }} Note */

const POINTS = ["literal", ["Point", "MultiPoint"]];
const AREAS = ["literal", ["Polygon", "MultiPolygon"]];

/**
 * The marked geometries as GeoJSON, without ids: MapLibre takes numbers only, and codes have up to 20 digits.
 * @param {any[]} geometries
 */
export function collection(geometries) {
  return { type: "FeatureCollection", features: geometries.map((geometry) => ({ type: "Feature", properties: {}, geometry })) };
}

/**
 * @param {Style} style
 * @param {(id: string, layer: string) => boolean} shown  whether a style layer of a catalogue's layer is drawn
 * @param {any[]} marked  geometries
 * @returns {any}
 */
export function dressed(style, shown, marked) {
  const { center, zoom, ...rest } = style; // the page sets the position of the map
  const layers = style.layers.map((layer) =>
    isOfCatalogue(layer) ? { ...layer, layout: { ...layer.layout, visibility: shown(layer.id, layer.source) ? "visible" : "none" } } : layer,
  );
  const sources = { ...style.sources, chosen: { type: "geojson", data: collection(marked) } };
  return { ...rest, sources, layers: [...layers, ...marks(style)] };
}

const DRAWN = /^(over|td|sky|ground)-/; // sources of ours over the map, of terra-draw, of the terrain
const LOW = /^over-(heat|shade|warned)$/; // of these what lies on the ground

/**
 * The lowest layer of points or names: what colours the ground goes below it.
 * @template {{ type: string }} L
 * @param {readonly L[]} layers
 * @returns {L | undefined}
 */
export const firstAbove = (layers) => layers.find(({ type }) => type === "circle" || type === "symbol");

/**
 * The next style with what tools and panels have put over the map: a change of the style does not take it away.
 * @param {any} previous
 * @param {any} next
 */
export function keepDrawn(previous, next) {
  if (!previous) return next;
  const kept = Object.entries(previous.sources).filter(([id]) => DRAWN.test(id));
  const layers = previous.layers.filter((/** @type {{ source?: string }} */ layer) => DRAWN.test(layer.source ?? ""));
  const terrain = previous.terrain ? { terrain: previous.terrain } : {};
  const isLow = (/** @type {{ source?: string }} */ layer) => LOW.test(layer.source ?? "");
  const place = next.layers.indexOf(firstAbove(next.layers));
  const [below, above] = place < 0 ? [next.layers, []] : [next.layers.slice(0, place), next.layers.slice(place)];
  const all = [...below, ...layers.filter(isLow), ...above, ...layers.filter((/** @type {any} */ layer) => !isLow(layer))];
  return { ...next, ...terrain, sources: { ...next.sources, ...Object.fromEntries(kept) }, layers: all };
}

/**
 * A style with what the theme and the reader have chosen: filters, order, opacities.
 * @param {Style} style
 * @param {State} state
 * @returns {Style}
 */
export function inTheme(style, state) {
  const hot = new Set((state.map?.layers ?? []).filter((layer) => isHot(layer, state) && style.sources[layer.id]).map(({ id }) => id));
  const layers = ordered(style.layers, state.order).map((layer) => {
    if (!isOfCatalogue(layer)) return layer;
    const { "source-layer": tiles, ...alone } = /** @type {any} */ (layer); // a source of GeoJSON has no layers
    return hoverable(faint(hot.has(layer.source) ? alone : layer, opacityOf(state, layer.source)), style.metadata["onemap:ink"]);
  });
  const moving = [...hot].map((id) => [id, { type: "geojson", promoteId: "id", data: hotData(id), attribution: style.sources[id].attribution }]);
  return inWords({ ...style, sources: { ...filteredSources(style, state), ...Object.fromEntries(moving) }, layers }, state.language);
}

/**
 * A style whose sources name their origin in one language.
 * @param {Style} style
 * @param {import("../types.js").Language} language
 * @returns {Style}
 */
export function inWords(style, language) {
  const told = (/** @type {any} */ source) => (source.attribution ? { ...source, attribution: sourceIn(language, source.attribution) } : source);
  return { ...style, sources: Object.fromEntries(Object.entries(style.sources).map(([id, source]) => [id, told(source)])) };
}

/**
 * An origin in one language: parts between dots, each of which may be in both.
 * @param {import("../types.js").Language} language
 * @param {string} origin
 */
export function sourceIn(language, origin) {
  return origin.split(" · ").map((part) => partIn(language, part)).join(" · ");
}

/**
 * The sources with the filters of the theme; that of events with those of their list, which begin with the theme's.
 * @param {Style} style
 * @param {State} state
 */
function filteredSources(style, state) {
  const sources = { ...style.sources };
  const filters = (topicOf(state)?.layers ?? []).filter(({ id }) => id !== EVENTS);
  for (const { id, filter } of [...filters, { id: EVENTS, filter: condition(state) }]) {
    const source = sources[id];
    if (filter && source?.tiles) sources[id] = { ...source, tiles: source.tiles.map((/** @type {string} */ url) => filtered(url, filter)) };
  }
  return sources;
}

/**
 * The style layers with those of ordered layers in that order, the lowest first; each of them has the place of another of
 * them, so that boundaries stay below points, and names above all.
 * @param {StyleLayer[]} layers
 * @param {string[]} order
 */
export function ordered(layers, order) {
  if (order.length < 2) return layers;
  const moves = (/** @type {StyleLayer} */ layer) => layer.type !== "symbol" && order.includes(layer.source ?? "");
  const moved = layers.filter(moves).sort((one, other) => order.indexOf(one.source ?? "") - order.indexOf(other.source ?? ""));
  return layers.map((layer) => (moves(layer) ? /** @type {StyleLayer} */ (moved.shift()) : layer));
}

/**
 * Whether a style layer draws a layer of the catalogue; its id then begins with the id of that layer.
 * @param {import("../types.js").StyleLayer} layer
 * @returns {layer is import("../types.js").StyleLayer & { source: string }}
 */
export function isOfCatalogue(layer) {
  return layer.source !== undefined && layer.id.startsWith(`${layer.source}:`);
}

/**
 * Whether a style layer is shown in a state; buildings are either flat or in 3D.
 * @param {State} state
 * @returns {(id: string, layer: string) => boolean}
 */
export function shownIn(state) {
  const layers = new Map((state.map?.layers ?? []).map((layer) => [layer.id, layer]));
  return (id, layer) => {
    const known = layers.get(layer);
    const wrong = id.endsWith(":relief") ? !state.relief : id.endsWith(":building") && state.relief;
    return known !== undefined && isVisible(state, known) && !wrong;
  };
}

/**
 * Whether a style layer can be clicked; outlines, casings and labels cannot.
 * @param {string} id
 */
export function isClickable(id) {
  return /:(area|building|relief|line|point)$/.test(id);
}

/**
 * The notes of a style on its colours, by layer.
 * @param {Style | null} style
 * @returns {Map<string, Note>}
 */
export function legend(style) {
  const notes = (style?.layers ?? []).flatMap((layer) => layer.metadata?.["onemap:legend"] ?? []);
  return new Map(notes.map((note) => [note.layer, note]));
}

/** @param {Style} style */
function marks(style) {
  const { "onemap:accent": accent, "onemap:ink": ink } = style.metadata;
  const width = ["interpolate", ["linear"], ["zoom"], 10, 2, 17, 4];
  const onlyPoints = ["in", ["geometry-type"], POINTS];
  return [
    {
      id: "chosen-area",
      type: "fill",
      source: "chosen",
      filter: ["in", ["geometry-type"], AREAS],
      paint: { "fill-color": accent, "fill-opacity": 0.16 },
    },
    {
      id: "chosen-line",
      type: "line",
      source: "chosen",
      filter: ["!", onlyPoints],
      layout: { "line-join": "round", "line-cap": "round" },
      paint: { "line-color": ink, "line-width": width },
    },
    {
      id: "chosen-point",
      type: "circle",
      source: "chosen",
      filter: onlyPoints,
      paint: { "circle-radius": 13, "circle-color": "transparent", "circle-stroke-color": ink, "circle-stroke-width": 2.5 },
    },
  ];
}
