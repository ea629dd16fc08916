// The map's ground: background, district, what lies outside of it, fonts. The layers of the catalogue come between.

import { CHOSEN, DISTRICT, FRAME, GROUND, OUTSIDE } from "./colors.js";

/** @typedef {import("../types.js").MapDocument} MapDocument */

export const FONT = "Noto Sans SC";
export const BELOW = "outside"; // layers of the catalogue are drawn before this one
const WORLD = [[-180, -85], [180, -85], [180, 85], [-180, 85], [-180, -85]];
const NOTHING = { type: "FeatureCollection", features: [] };

/**
 * The font files that the page's own style sheet lists, as MapLibre wants them: labels are then drawn with our
 * font on any computer, and only the files that hold the characters on the screen are fetched.
 */
function fontFaces() {
  const faces = [];
  for (const sheet of document.styleSheets) {
    if (!sheet.href?.includes("/noto-sans-sc/")) continue;
    for (const rule of sheet.cssRules) {
      if (!(rule instanceof CSSFontFaceRule)) continue;
      const file = /url\(["']?([^"')]+)/.exec(rule.style.getPropertyValue("src"))?.[1] ?? "";
      const ranges = rule.style.getPropertyValue("unicode-range").split(",").map((range) => range.trim());
      faces.push({ url: new URL(file, sheet.href).href, "unicode-range": ranges });
    }
  }
  return { [FONT]: faces };
}

/**
 * @param {MapDocument} map
 * @returns {any}
 */
export function baseStyle(map) {
  return {
    version: 8,
    "font-faces": fontFaces(),
    sources: {
      district: { type: "geojson", data: map.outline ?? NOTHING },
      outside: { type: "geojson", data: outside(map.outline) },
      chosen: { type: "geojson", data: NOTHING },
    },
    layers: [
      { id: "ground", type: "background", paint: { "background-color": map.outline ? OUTSIDE : GROUND } },
      { id: "district", type: "fill", source: "district", paint: { "fill-color": DISTRICT } },
      { id: BELOW, type: "fill", source: "outside", paint: { "fill-color": OUTSIDE, "fill-opacity": 0.72 } },
      ...frame(),
      ...chosen(),
    ],
  };
}

/** @param {MapDocument["outline"]} outline */
function outside(outline) {
  if (!outline) return NOTHING;
  const polygons = outline.type === "Polygon" ? [outline.coordinates] : outline.coordinates;
  const holes = polygons.map((/** @type {any[]} */ rings) => rings[0]);
  return { type: "Feature", properties: {}, geometry: { type: "Polygon", coordinates: [WORLD, ...holes] } };
}

function frame() {
  const line = { type: "line", source: "district", layout: { "line-join": "round" } };
  return [
    { ...line, id: "frame-glow", paint: { "line-color": FRAME, "line-width": 9, "line-blur": 8, "line-opacity": 0.28 } },
    { ...line, id: "frame", paint: { "line-color": FRAME, "line-width": 1.4, "line-opacity": 0.85 } },
  ];
}

function chosen() {
  const width = ["interpolate", ["linear"], ["zoom"], 10, 2, 17, 4];
  const onlyPoints = ["in", ["geometry-type"], ["literal", ["Point", "MultiPoint"]]];
  return [
    {
      id: "chosen-area",
      type: "fill",
      source: "chosen",
      filter: ["in", ["geometry-type"], ["literal", ["Polygon", "MultiPolygon"]]],
      paint: { "fill-color": FRAME, "fill-opacity": 0.16 },
    },
    {
      id: "chosen-line",
      type: "line",
      source: "chosen",
      filter: ["!", onlyPoints],
      layout: { "line-join": "round", "line-cap": "round" },
      paint: { "line-color": CHOSEN, "line-width": width },
    },
    {
      id: "chosen-point",
      type: "circle",
      source: "chosen",
      filter: onlyPoints,
      paint: {
        "circle-radius": 12,
        "circle-color": "transparent",
        "circle-stroke-color": CHOSEN,
        "circle-stroke-width": 2.5,
      },
    },
  ];
}
