// Two moments side by side: a second map over the left part of the first, with the same view, and a handle between them.

import { html, useEffect, useRef, useState } from "../../vendor/preact.mjs";
import { condition } from "../events/filters.js";
import { t } from "../i18n.js";
import { createMap, show } from "../map/map.js";
import { followMoment } from "../map/moment.js";
import { at, compared } from "../state/time.js";
import { dayAndTime } from "./words.js";

/** @typedef {import("../types.js").State} State */
/** @typedef {import("maplibre-gl").Map} MapLibre */

const KEY_STEP = 0.02;

/**
 * Give two maps the same view, whichever of them is moved.
 * @param {MapLibre} one
 * @param {MapLibre} other
 * @returns {() => void} ends it
 */
function together(one, other) {
  let moving = false;
  const copy = (/** @type {MapLibre} */ from, /** @type {MapLibre} */ to) => () => {
    if (moving) return;
    moving = true;
    to.jumpTo({ center: from.getCenter(), zoom: from.getZoom(), bearing: from.getBearing(), pitch: from.getPitch() });
    moving = false;
  };
  const [here, there] = [copy(one, other), copy(other, one)];
  here();
  one.on("move", here);
  other.on("move", there);
  return () => {
    one.off("move", here);
    other.off("move", there);
  };
}

/** @param {{ state: State, main: MapLibre }} props */
export function SplitView({ state, main }) {
  const container = useRef(/** @type {HTMLElement | null} */ (null));
  const [map, setMap] = useState(/** @type {MapLibre | null} */ (null));
  const [share, setShare] = useState(0.5);
  useEffect(() => {
    if (!state.map || !state.style || !container.current) return;
    const { lat, lng: lon } = main.getCenter();
    const made = createMap(container.current, { zoom: main.getZoom(), lat, lon, bearing: main.getBearing(), pitch: main.getPitch() }, { ...state, map: state.map, style: state.style, still: true }, compared);
    made.on("error", ({ error }) => console.error(error));
    made.once("load", () => setMap(made));
    const apart = together(main, made);
    const store = /** @type {any} */ ({ get: () => ({ map: state.map }) });
    const still = followMoment(made, store, compared);
    return () => {
      still();
      apart();
      made.remove();
    };
  }, []);
  useEffect(() => {
    if (map) show(map, { ...state, still: true });
  }, [map, state.map, state.style, state.toggled, state.relief, state.topic, condition(state)]);
  const { language } = state;
  const left = compared.value ? dayAndTime(language, Date.parse(compared.value)) : "";
  const right = at.value ? dayAndTime(language, Date.parse(at.value)) : t(language, "time.now");
  return html`<div class="split" style=${{ "--share": `${share * 100}%` }}>
    <div class="split-map" ref=${container} />
    <span class="split-time left">${left}</span><span class="split-time right">${right}</span>
    <${Handle} label=${t(language, "time.split")} share=${share} onShare=${setShare} />
    <button class="split-close" onClick=${() => (compared.value = null)} aria-label=${t(language, "time.split.close")} title=${t(language, "time.split.close")}>×</button>
  </div>`;
}

/** @param {{ label: string, share: number, onShare: (share: number) => void }} props */
function Handle({ label, share, onShare }) {
  const bounded = (/** @type {number} */ value) => onShare(Math.max(0.05, Math.min(0.95, value)));
  const drag = (/** @type {PointerEvent} */ event) => {
    const handle = /** @type {HTMLElement} */ (event.currentTarget);
    if (!handle.hasPointerCapture(event.pointerId)) return;
    const box = /** @type {HTMLElement} */ (handle.parentElement).getBoundingClientRect();
    bounded((event.clientX - box.left) / box.width);
  };
  const key = (/** @type {KeyboardEvent} */ event) => {
    const by = { ArrowLeft: -KEY_STEP, ArrowRight: KEY_STEP }[event.key];
    if (by) bounded(share + by);
  };
  return html`<div class="split-handle" role="slider" tabindex="0" aria-label=${label} aria-valuemin="5" aria-valuemax="95" aria-valuenow=${Math.round(share * 100)}
    onPointerDown=${(/** @type {PointerEvent} */ event) => /** @type {HTMLElement} */ (event.currentTarget).setPointerCapture(event.pointerId)} onPointerMove=${drag} onKeyDown=${key}><i aria-hidden="true">⇔</i></div>`;
}
