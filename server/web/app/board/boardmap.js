// The map in the middle of the board: few layers, areas coloured by the theme's first number or the heat of events, water where
// it stands, a legend.

import * as maplibre from "../../vendor/maplibre-gl.mjs";
import { html, useEffect, useRef, useState } from "../../vendor/preact.mjs";
import { asOf } from "../api.js";
import { condition, filterOfTheme, isNarrowed, widen } from "../events/filters.js";
import { t, titleOf } from "../i18n.js";
import { classes, wordsOfClass } from "../map/classes.js";
import { HeatScale, colorsOf, heatOf, warm } from "../map/heat.js";
import { tellIdle } from "../map/idle.js";
import { collection, dressed, inWords } from "../map/style.js";
import { useWarnedAreas, useWarnings } from "../panels/inforce.js";
import { indicatorOf, overview, showArea } from "../state/overview.js";
import { shading } from "../state/shading.js";
import { at } from "../state/time.js";
import { warned } from "../state/warned.js";
import { layerOf } from "../store.js";
import { topicOf } from "../topics.js";
import { areaAt, paint } from "./choropleth.js";
import { figure } from "./figures.js";
import { OPEN, mainIndicator } from "./main.js";
import { TimeBar } from "./timebar.js";

/** @typedef {import("../types.js").State} State */
/** @typedef {import("../types.js").Style} Style */
/** @typedef {import("../state/overview.js").Told} Told */

const BASE = new Set(["districts", "streets", "communities", "roads", "waterways"]);
const PADDING = { top: 24, left: 24, right: 24, bottom: 56 }; // the line of sources lies below

/** Whether a layer of the style is drawn: few, and not the name of the district in the midst of its streets. @param {string} id @param {string} layer */
const isBase = (id, layer) => BASE.has(layer) && !(layer === "districts" && id.endsWith("label"));

/** @param {{ state: State, store: import("../store.js").Store }} props */
export function BoardMap({ state, store }) {
  const container = useRef(/** @type {HTMLElement | null} */ (null));
  const [map, setMap] = useState(/** @type {maplibre.Map | null} */ (null));
  const { told } = overview.value;
  const main = told && mainIndicator(told, topicOf(state));
  const hot = shading.value === "heat" && layerOf(state, "events") !== undefined;
  const events = condition(state);
  useWarnedAreas(map, state, useWarnings(state));
  useEffect(() => {
    const made = start(/** @type {HTMLElement} */ (container.current), state);
    made?.once("load", () => setMap(made));
    if (!made) store.set({ webgl: false });
    return () => made?.remove();
  }, [state.style]);
  useEffect(() => {
    if (!map || !told || !container.current) return;
    const style = getComputedStyle(container.current);
    paint(map, told, hot ? "" : (main?.id ?? OPEN), colorsOf(state.style), style.getPropertyValue("--accent").trim());
    drown(map, told);
  }, [map, told, hot, main?.id]);
  useEffect(() => {
    if (map) warm(map, hot ? { layer: "events", filter: events, count: Number(indicatorOf(told, OPEN)?.value) || 0 } : null, state.style);
  }, [map, hot, events, at.value, told]);
  useEffect(() => {
    if (map && told) frame(map, told, state);
  }, [map, told?.area?.code]);
  useEffect(() => {
    const again = () => overview.value.told && map && frame(map, overview.value.told, state, 0);
    map?.on("resize", again);
    return () => void map?.off("resize", again);
  }, [map]);
  return html`<div class="board-map">
    <div class="canvas mapview" ref=${container} aria-label=${t(state.language, "board.map")} />
    ${told && html`<${Legend} told=${told} state=${state} main=${main} hot=${hot} />`}
    <div class="map-tools">
      <${Shades} state=${state} hot=${hot} />
      <${TimeBar} language=${state.language} />
    </div>
  </div>`;
}

/** @param {HTMLElement} container @param {State} state */
function start(container, state) {
  if (!state.style || !state.map) return null;
  const size = parseFloat(getComputedStyle(container).fontSize);
  try {
    const map = new maplibre.Map({
      container,
      style: legible(dressed(inWords(state.style, state.language), isBase, []), size),
      bounds: state.map.bbox ?? undefined,
      fitBoundsOptions: { padding: PADDING },
      attributionControl: false,
      validateStyle: false,
      fadeDuration: 0,
      dragRotate: false,
      transformRequest: (url) => ({ url: url.includes("/tiles/events/") ? asOf(url, at.value) : url, cache: "no-cache" }), // the ground is today's
    });
    map.addControl(new maplibre.AttributionControl({ compact: true }), "bottom-right");
    map.on("click", (event) => {
      const id = areaAt(map, event.point);
      const child = overview.value.told?.children.find((one) => one.id === id);
      if (child) showArea(child.code);
    });
    map.on("mousemove", (event) => (map.getCanvas().style.cursor = areaAt(map, event.point) ? "pointer" : ""));
    tellIdle(map, container, () => true);
    Object.assign(container, { map });
    return map;
  } catch (error) {
    console.error(error);
    return null;
  }
}

/**
 * Labels as large as the type of the board: a wall is read from far away.
 * @param {any} style
 * @param {number} size  pixels
 */
function legible(style, size) {
  const layers = style.layers.map((/** @type {any} */ layer) =>
    layer.layout?.["text-field"] ? { ...layer, layout: { ...layer.layout, "text-size": Math.ceil(size) } } : layer,
  );
  const water = /** @type {any} */ (collection([]));
  return {
    ...style,
    sources: { ...style.sources, water: { type: "geojson", data: water } },
    layers: [
      ...layers,
      {
        id: "board-water",
        type: "circle",
        source: "water",
        paint: {
          "circle-radius": ["+", size / 3, ["*", size, ["sqrt", ["get", "depth"]]]],
          "circle-color": ["case", [">", ["get", "depth"], 0.5], "#ff4d4d", "#4cc9f0"],
          "circle-opacity": 0.55,
          "circle-stroke-width": 2,
          "circle-stroke-color": "#ffffff",
        },
      },
    ],
  };
}

/** Show the deepest water where it stands. @param {maplibre.Map} map @param {Told} told */
function drown(map, told) {
  const places = (told.lists["ponding"]?.features ?? []).filter(({ lon, lat }) => lon !== null && lat !== null);
  const features = places.map(({ lon, lat, properties }) => ({
    type: "Feature",
    properties: { depth: properties["water_depth_m"] },
    geometry: { type: "Point", coordinates: [lon, lat] },
  }));
  const source = /** @type {maplibre.GeoJSONSource | undefined} */ (map.getSource("water"));
  source?.setData(/** @type {any} */ ({ type: "FeatureCollection", features }));
}

/**
 * Move to the area that is shown.
 * @param {maplibre.Map} map
 * @param {Told} told
 * @param {State} state
 * @param {number} [duration]  milliseconds
 */
function frame(map, told, state, duration = matchMedia("(prefers-reduced-motion: reduce)").matches ? 0 : 1200) {
  const [first, last] = told.area?.corners ?? [];
  const bounds = first && last ? /** @type {[number, number, number, number]} */ ([first.lon, first.lat, last.lon, last.lat]) : state.map?.bbox;
  if (bounds) map.fitBounds(bounds, { padding: PADDING, duration });
}

/** Areas by their number, or heat. @param {{ state: State, hot: boolean }} props */
function Shades({ state: { language, map }, hot }) {
  if (!map?.layers.some(({ id }) => id === "events")) return null;
  return html`<div class="switch" role="group" aria-label=${t(language, "shade.label")}>
    <button class="tour" aria-pressed=${!hot} onClick=${() => (shading.value = "")}>${t(language, "shade.areas")}</button>
    <button class="tour" aria-pressed=${hot} onClick=${() => (shading.value = "heat")}>${t(language, "shade.heat")}</button>
  </div>`;
}

/** @param {{ told: Told, state: State, main: import("../state/overview.js").Indicator | null | undefined, hot: boolean }} props */
function Legend({ told, state, main, hot }) {
  const { language } = state;
  const colors = colorsOf(state.style);
  const values = told.children.map(({ values }) => values[main?.id ?? OPEN]).filter((value) => typeof value === "number");
  const ends = hot ? [] : classes(/** @type {number[]} */ (values));
  const water = (told.lists["ponding"]?.features ?? []).length > 0;
  if (!ends.length && !water && !hot && !warned.value.length) return null;
  return html`<div class="shades card" role="group" aria-label=${t(language, "board.legend")}>
    ${hot && html`<b>${t(language, "shade.heat.of", { what: titleOf(language, layerOf(state, "events") ?? {}) })}</b>
      ${isNarrowed() && html`<button class="link" title=${t(language, "layers.narrowed.why")} onClick=${widen}>${t(language, "layers.narrowed")} ×</button>`}
      ${filterOfTheme(state) && html`<small>${t(language, "events.theme", { theme: titleOf(language, topicOf(state) ?? {}) })}</small>`}<${HeatScale} language=${language} colors=${heatOf(state.style)} />`}
    ${ends.length > 0 && html`<b>${main ? titleOf(language, main) : t(language, "board.legend")}</b>`}
    ${ends.map((end, place) => html`<span key=${end}><i style=${{ background: colors[place] }} />${wordsOfClass(ends, place, (value) => figure(language, value))}</span>`)}
    ${water && html`<span><i class="water" />${t(language, "board.water")}</span>`}
    ${[...new Set(warned.value.map(({ color }) => color))].map((color) => html`<span key=${color}><i class="hatched" style=${{ "--color": color }} />${t(language, "legend.warned")}</span>`)}
  </div>`;
}
