// What panels draw over the map, put on it: one source, a few layers told apart by the role of a feature.

import { effect } from "../../vendor/signals.mjs";
import { shownMap } from "../state/map.js";
import { overlays } from "../state/overlays.js";

/** @typedef {import("maplibre-gl").Map} MapLibre */

const SOURCE = "over-panels";
const isA = (/** @type {string[]} */ ...roles) => /** @type {any} */ (["in", ["get", "role"], ["literal", roles]]);
const isShape = (/** @type {string} */ kind) => /** @type {any} */ (["==", ["geometry-type"], kind]);
const both = (/** @type {any[]} */ ...conditions) => /** @type {any} */ (["all", ...conditions]);

/**
 * Keep on the map what panels draw, whichever map is shown.
 * @returns {() => void} stops it
 */
export function followOverlays() {
  return effect(() => {
    const [map, features] = [shownMap.value, Object.values(overlays.value).flat()];
    if (!map) return;
    put(map, features);
    const redress = () => dressedFor.has(map) && themeOf(map) !== dressedFor.get(map) && dress(map);
    map.on("styledata", redress);
    return () => map.off("styledata", redress);
  });
}

/** @type {WeakMap<MapLibre, string>} the theme whose colours the layers of each map have */
const dressedFor = new WeakMap();
const themeOf = (/** @type {MapLibre} */ map) => String(/** @type {Record<string, string>} */ (map.getStyle().metadata ?? {})["onemap:theme"]);

/**
 * @param {MapLibre} map
 * @param {readonly import("../state/overlays.js").Drawn[]} features
 */
function put(map, features) {
  const data = /** @type {any} */ ({ type: "FeatureCollection", features });
  const source = /** @type {import("maplibre-gl").GeoJSONSource | undefined} */ (map.getSource(SOURCE));
  if (source) source.setData(data);
  else if (features.length) {
    map.addSource(SOURCE, { type: "geojson", data });
    dress(map);
  }
}

/** @param {MapLibre} map */
function dress(map) {
  dressedFor.set(map, themeOf(map));
  for (const layer of layers(map)) {
    if (map.getLayer(layer.id)) map.removeLayer(layer.id);
    map.addLayer(layer);
  }
}

/**
 * @param {MapLibre} map
 * @returns {any[]} style layers
 */
function layers(map) {
  const metadata = /** @type {Record<string, string>} */ (map.getStyle().metadata ?? {});
  const { "onemap:accent": accent, "onemap:ink": ink } = metadata;
  const font = map.getStyle().layers.find((layer) => layer.type === "symbol" && layer.layout?.["text-font"]);
  const color = ["match", ["get", "role"], ["route", "ring"], accent, ["measure", "plot"], ink, accent];
  const line = { type: "line", source: SOURCE, layout: { "line-join": "round", "line-cap": "round" } };
  return [
    { id: "over-fill", type: "fill", source: SOURCE, filter: both(isShape("Polygon"), isA("area", "measure", "plot")),
      paint: { "fill-color": color, "fill-opacity": 0.12 } },
    { ...line, id: "over-line", filter: both(["!", isShape("Point")], ["!", isA("ring", "sight")]),
      paint: { "line-color": color, "line-width": ["match", ["get", "role"], "route", 4, 2.5], "line-opacity": 0.9 } },
    { ...line, id: "over-ring", filter: isA("ring", "sight"),
      paint: { "line-color": color, "line-width": 1.5, "line-dasharray": [3, 3] } },
    { id: "over-point", type: "circle", source: SOURCE, filter: both(isShape("Point"), ["!", isA("label")]),
      paint: { "circle-radius": ["match", ["get", "role"], "place", 8, 5], "circle-color": color, "circle-stroke-color": ink, "circle-stroke-width": 2 } },
    { id: "over-label", type: "symbol", source: SOURCE, filter: /** @type {any} */ (["!=", ["get", "label"], ""]),
      layout: { "text-field": ["get", "label"], "text-font": /** @type {any} */ (font)?.layout["text-font"] ?? [], "text-size": 13,
        "text-offset": [0, 1.2], "text-anchor": "top", "text-allow-overlap": true },
      paint: { "text-color": ink, "text-halo-color": /** @type {any} */ (font)?.paint?.["text-halo-color"] ?? "#000", "text-halo-width": 1.5 } },
  ];
}
