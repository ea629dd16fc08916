// How a layer of the catalogue is drawn: chosen by its geometry and by the fields its tiles carry, never by its name,
// so that a layer loaded today looks as good as those that were there from the start.

import { GROUND, HALO, TEXT, TEXT_SOFT, sunk } from "./colors.js";
import { FONT } from "./style.js";

const DENSE = 1500; // layers with more points than this begin small
const OFFLINE = ["offline", "OFF", "0"];

/** @typedef {import("../types.js").Layer} Layer */
/** @typedef {import("../types.js").Code} Code */
/** @typedef {{ id: string, type: string, source: string, "source-layer": string, [key: string]: any }} StyleLayer */

/**
 * Style layers of one catalogue layer, from the ground up; their ids begin with the layer's id and a colon.
 * @param {Layer} layer
 * @param {Record<string, Code[]>} codes
 * @returns {StyleLayer[]}
 */
export function styleLayers(layer, codes) {
  /** @type {Record<string, (layer: Layer, codes: Record<string, Code[]>) => any[]>} */
  const drawn = { Polygon: areas, LineString: lines, Point: points };
  const kinds = layer.geometry_type === "Geometry" ? ["Polygon", "LineString", "Point"] : [layer.geometry_type.replace("Multi", "")];
  return kinds.flatMap((kind) => drawn[kind]?.(layer, codes) ?? []).map((style) => ({
    source: layer.id,
    "source-layer": layer.id,
    minzoom: layer.min_zoom,
    ...style,
  }));
}

/**
 * Style layers that answer to clicks; outlines, casings and labels do not.
 * @param {StyleLayer} style
 */
export function isClickable(style) {
  return /:(area|building|relief|line|point)$/.test(style.id);
}

/**
 * The first field whose code list has colours; being on line is shown by strength, not by colour.
 * @param {Layer} layer
 * @param {Record<string, Code[]>} codes
 */
function colorField(layer, codes) {
  for (const name of layer.tile_fields) {
    const list = codes[layer.fields.find((field) => field.name === name)?.codes ?? ""] ?? [];
    if (name !== "online_status" && list.some((code) => code.color)) return { by: ["to-string", ["get", name]], list };
  }
  return null;
}

/**
 * The colour of each feature: its code's, else the layer's.
 * @param {Layer} layer
 * @param {Record<string, Code[]>} codes
 * @param {(color: string) => string} [tone]
 */
function colorOf(layer, codes, tone = (color) => color) {
  const field = colorField(layer, codes);
  const pairs = field?.list.flatMap((code) => (code.color ? [code.code, tone(code.color)] : []));
  return field ? ["match", field.by, .../** @type {string[]} */ (pairs), tone(layer.color)] : tone(layer.color);
}

/**
 * @param {Layer} layer
 * @param {Record<string, Code[]>} codes
 */
function areas(layer, codes) {
  if (layer.tile_fields.includes("height_m")) return buildings(layer);
  const color = colorOf(layer, codes);
  const isArea = ["==", ["geometry-type"], "Polygon"];
  const tinted = Array.isArray(color) || layer.label === null;
  const from = layer.min_zoom;
  return [
    {
      id: `${layer.id}:area`,
      type: "fill",
      filter: isArea,
      paint: { "fill-color": color, "fill-opacity": tinted ? 0.22 : 0.03 },
    },
    {
      id: `${layer.id}:edge`,
      type: "line",
      filter: isArea,
      layout: { "line-join": "round" },
      paint: {
        "line-color": color,
        "line-width": ["interpolate", ["linear"], ["zoom"], from, 0.5, from + 4, tinted ? 1.6 : 1.2],
        "line-opacity": ["interpolate", ["linear"], ["zoom"], from, 0.45, from + 2, 0.8],
      },
    },
    ...(layer.label ? [label(layer, { "source-layer": "labels", filter: ["==", ["geometry-type"], "Point"] })] : []),
  ];
}

/** @param {Layer} layer */
function buildings(layer) {
  const height = ["coalesce", ["get", "height_m"], 6];
  const shade = ["interpolate", ["linear"], height, 0, "#22324e", 20, "#2b4166", 60, "#3c5c8b", 120, "#5884ba", 300, "#a5cdf6"];
  return [
    {
      id: `${layer.id}:building`,
      type: "fill",
      paint: { "fill-color": shade, "fill-opacity": 0.9, "fill-outline-color": GROUND },
    },
    {
      id: `${layer.id}:relief`,
      type: "fill-extrusion",
      paint: {
        "fill-extrusion-color": shade,
        "fill-extrusion-height": height,
        "fill-extrusion-opacity": 0.92,
        "fill-extrusion-vertical-gradient": true,
      },
    },
    ...(layer.label ? [label(layer, { "source-layer": "labels", minzoom: 17 })] : []),
  ];
}

/**
 * Widths in pixels that stand for metres on the ground, never thinner than `least` pixels.
 * @param {any} metres
 * @param {number} least
 */
function groundWidth(metres, least) {
  // a pixel of a 512-pixel tile at 23°N is 72,000 m / 2^zoom; MapLibre interpolates with base 2 in between
  const at = (/** @type {number} */ zoom) => ["max", least, ["*", metres, 2 ** zoom / 72_000]];
  return ["interpolate", ["exponential", 2], ["zoom"], 9, at(9), 20, at(20)];
}

/**
 * Width by rank in the code list that colours the lines: the first code is the widest.
 * @param {Layer} layer
 * @param {Record<string, Code[]>} codes
 */
function rankWidth(layer, codes) {
  const field = colorField(layer, codes);
  if (!field) return { metres: 6, least: 0.9 };
  const byRank = (/** @type {(rank: number) => number} */ width) => field.list.flatMap((code, rank) => [code.code, width(rank)]);
  return {
    metres: ["match", field.by, ...byRank((rank) => Math.max(3.5, 30 * 0.7 ** rank)), 5],
    least: ["match", field.by, ...byRank((rank) => Math.max(0.3, 2.1 * 0.66 ** rank)), 0.5],
  };
}

/**
 * @param {Layer} layer
 * @param {Record<string, Code[]>} codes
 */
function lines(layer, codes) {
  const byWidth = layer.tile_fields.includes("width_m");
  const { metres, least } = byWidth ? { metres: ["coalesce", ["get", "width_m"], 8], least: 1.1 } : rankWidth(layer, codes);
  const isLine = ["==", ["geometry-type"], "LineString"];
  const layout = { "line-cap": "round", "line-join": "round" };
  const width = groundWidth(metres, /** @type {number} */ (least));
  const casing = groundWidth(["*", metres, 1.25], /** @type {any} */ (["*", least, 1.9]));
  return [
    {
      id: `${layer.id}:casing`,
      type: "line",
      filter: isLine,
      layout,
      paint: { "line-color": HALO, "line-width": casing, "line-opacity": ["interpolate", ["linear"], ["zoom"], 12, 0, 14, 0.8] },
    },
    {
      id: `${layer.id}:line`,
      type: "line",
      filter: isLine,
      layout,
      paint: { "line-color": byWidth ? sunk(layer.color, 0.72) : toned(layer, codes), "line-width": width },
    },
    ...(layer.label ? [lineLabel(layer)] : []),
  ];
}

/**
 * Bright while lines are thin, quieter the wider they become.
 * @param {Layer} layer
 * @param {Record<string, Code[]>} codes
 */
function toned(layer, codes) {
  const at = (/** @type {number} */ share) => colorOf(layer, codes, (color) => sunk(color, share));
  return ["interpolate", ["linear"], ["zoom"], 11, at(0.55), 14, at(0.6), 17, at(0.36)];
}

/** @param {Layer} layer */
function lineLabel(layer) {
  const style = label(layer, { filter: ["==", ["geometry-type"], "LineString"], minzoom: Math.max(layer.min_zoom + 1, 13) });
  Object.assign(style.layout, { "symbol-placement": "line", "symbol-spacing": 320, "text-size": 11, "text-letter-spacing": 0.08 });
  return style;
}

/**
 * @param {Layer} layer
 * @param {Record<string, Code[]>} codes
 */
function points(layer, codes) {
  const from = layer.min_zoom;
  const isPoint = ["all", ["==", ["geometry-type"], "Point"], ["!", ["has", "count"]]];
  const near = Math.max(from + 2, 16);
  const dense = layer.count > DENSE;
  const hasStatus = layer.tile_fields.includes("online_status");
  const faded = (/** @type {number} */ full) =>
    hasStatus ? ["match", ["to-string", ["get", "online_status"]], OFFLINE, full * 0.45, full] : full;
  const dim = faded(1);
  return [
    {
      id: `${layer.id}:point`,
      type: "circle",
      filter: isPoint,
      paint: {
        "circle-color": colorOf(layer, codes),
        "circle-opacity": ["interpolate", ["linear"], ["zoom"], from, faded(dense ? 0.6 : 1), from + 2, dim],
        "circle-radius": ["interpolate", ["linear"], ["zoom"], from, dense ? 1.2 : 2.4, near, dense ? 3 : 4.5, 18.5, 7],
        "circle-stroke-color": GROUND,
        "circle-stroke-width": ["interpolate", ["linear"], ["zoom"], from, dense ? 0 : 0.8, near, 0.8, 18, 1.6],
      },
    },
    ...(layer.label ? [pointLabel(layer, isPoint)] : []),
    ...cells(layer),
  ];
}

/**
 * Points that the server counted by cells because there are too many to draw: a disc as large as their number.
 * @param {Layer} layer
 */
function cells(layer) {
  const isCell = ["has", "count"];
  const size = ["interpolate", ["linear"], ["log10", ["get", "count"]], 0, 3, 1, 8, 2, 12, 3, 17, 4, 22];
  const short = ["step", ["get", "count"], ["to-string", ["get", "count"]], 10_000, ["concat", ["to-string", ["round", ["/", ["get", "count"], 1000]]], "k"]];
  return [
    {
      id: `${layer.id}:cell`,
      type: "circle",
      filter: isCell,
      paint: {
        "circle-color": layer.color,
        "circle-opacity": 0.28,
        "circle-radius": size,
        "circle-stroke-color": layer.color,
        "circle-stroke-opacity": 0.7,
        "circle-stroke-width": 1,
      },
    },
    {
      id: `${layer.id}:number`,
      type: "symbol",
      filter: ["all", isCell, [">", ["get", "count"], 9]],
      layout: { "text-field": short, "text-font": [FONT], "text-size": 10.5, "text-padding": 1, "symbol-sort-key": ["-", ["get", "count"]] },
      paint: { "text-color": TEXT, "text-halo-color": HALO, "text-halo-width": 1.2 },
    },
  ];
}

/**
 * @param {Layer} layer
 * @param {any} isPoint
 */
function pointLabel(layer, isPoint) {
  const style = label(layer, { filter: isPoint, minzoom: Math.max(layer.min_zoom + 2, 15) });
  Object.assign(style.layout, { "text-anchor": "top", "text-offset": [0, 0.75], "text-size": 11, "text-max-width": 9 });
  return style;
}

/**
 * @param {Layer} layer
 * @param {Record<string, any>} more
 */
function label(layer, more) {
  const large = layer.order < 12;
  const coded = /_code$/.test(layer.label ?? ""); // long numbers come later, and quieter, than names
  const from = layer.min_zoom;
  return {
    id: `${layer.id}:label`,
    type: "symbol",
    layout: {
      "text-field": ["to-string", ["get", layer.label]],
      "text-font": [FONT],
      "text-size": coded ? 10 : ["interpolate", ["linear"], ["zoom"], from, large ? 12 : 10.5, from + 4, large ? 16 : 13],
      "text-padding": 6,
      "text-max-width": 8,
      "symbol-sort-key": layer.order,
    },
    paint: {
      "text-color": large ? TEXT : TEXT_SOFT,
      "text-halo-color": HALO,
      "text-halo-width": 1.4,
    },
    ...(coded ? { minzoom: layer.min_zoom + 1.5 } : {}),
    ...more,
  };
}
