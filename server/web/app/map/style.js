// The style of the server, adapted to the page: with switched layers and marked geometries.

import { isVisible } from "../store.js";

/** @typedef {import("../types.js").State} State */
/** @typedef {import("../types.js").Style} Style */
/** @typedef {import("../types.js").Layer} Layer */
/** @typedef {{ layer: string, color: string, codes: import("../types.js").Code[] }} Note */

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
