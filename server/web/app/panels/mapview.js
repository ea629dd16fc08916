// The map on the page: passes the state to MapLibre, and clicks and moves of MapLibre to the state.

import { html, useEffect, useRef, useState } from "../../vendor/preact.mjs";
import { condition } from "../events/filters.js";
import { chooseByKeyboard, hover, uncover } from "../map/choose.js";
import { keepFresh } from "../map/fresh.js";
import { beginMoving, keepMoving } from "../map/hot.js";
import { tellIdle, unsettle } from "../map/idle.js";
import { countInView } from "../map/inview.js";
import { DRAWN, createMap, flyTo, framing, hitsAt, isComplete, mark, show } from "../map/map.js";
import { showPointed } from "../map/pointer.js";
import { readHash } from "../hash.js";
import { t } from "../i18n.js";
import { isPhone } from "../screen.js";
import { shownMap } from "../state/map.js";
import { inspects } from "../state/tool.js";
import { followMoment } from "../map/moment.js";
import { compared } from "../state/time.js";
import { SplitView } from "../time/split.js";
import { Icon } from "./icons.js";

/** @typedef {import("../store.js").Store} Store */
/** @typedef {import("../types.js").State} State */
/** @typedef {import("../types.js").View} View */
/** @typedef {import("maplibre-gl").Map} MapLibre */

/** @param {{ store: Store, state: State, marked: any, onMove: (view: View) => void, onUnauthorized: () => Promise<void> }} props */
export function MapView({ store, state, marked, onMove, onUnauthorized }) {
  const container = useRef(/** @type {HTMLElement | null} */ (null));
  const leaning = useRef(state.relief);
  const [map, setMap] = useState(/** @type {MapLibre | null} */ (null));
  useEffect(() => {
    const made = start(/** @type {HTMLElement} */ (container.current), store, onMove);
    made?.once("load", () => {
      setMap(made);
      shownMap.value = made;
    });
    if (made) reportErrors(made, store, onUnauthorized);
    const forget = made && store.subscribe((now, before) => redraws(now, before) && unsettle(made));
    return () => {
      forget?.();
      if (shownMap.peek() === made) shownMap.value = null;
      made?.remove();
    };
  }, []);
  useEffect(() => (map ? keepFresh(map, store) : undefined), [map]);
  useEffect(() => (map ? keepMoving(map, store) : undefined), [map]);
  useEffect(() => {
    if (map) countInView(map, store);
  }, [map]);
  useEffect(() => (map ? showPointed(map) : undefined), [map]);
  useEffect(() => (map ? followMoment(map, store) : undefined), [map]);
  useEffect(() => {
    if (map && state.asked) map.jumpTo({ center: [state.asked.lon, state.asked.lat], zoom: state.asked.zoom, bearing: state.asked.bearing, pitch: state.asked.pitch });
  }, [map, state.asked]);
  useEffect(() => {
    if (map && state.frame) map.fitBounds(state.frame, { padding: framing(), maxZoom: 17, duration: motion() });
  }, [map, state.frame]);
  const events = condition(state);
  useEffect(() => {
    if (map) unsettle(map);
  }, [map, events]);
  useEffect(() => {
    if (map) show(map, state);
  }, [map, events, ...DRAWN.map((name) => state[name])]);
  useEffect(() => {
    if (map && (state.relief !== leaning.current || (state.relief && !map.getPitch()))) map.easeTo({ pitch: state.relief ? 55 : 0, duration: motion() });
    leaning.current = state.relief; // a link may lean the map without relief
  }, [map, state.relief]);
  useEffect(() => {
    if (!map) return;
    mark(map, marked, state.track, state.pin);
    if (!marked) return;
    if (state.framing) flyTo(map, state.track ?? marked);
    else uncover(map, marked);
    if (state.framing) store.set({ framing: false });
  }, [map, marked, state.framing, state.track, state.pin]);
  return html`<div class="mapview" ref=${container} />
    ${map && compared.value && html`<${SplitView} state=${state} main=${map} />`}
    <${Tools} store=${store} state=${state} map=${map} />`;
}

const motion = () => (matchMedia("(prefers-reduced-motion: reduce)").matches ? 0 : 500);

/**
 * Whether a change of the state changes the drawn map.
 * @param {State} now
 * @param {State} before
 */
const redraws = (now, before) => DRAWN.some((name) => now[name] !== before[name]);

/**
 * Report what MapLibre could not do; after a refusal of 401 ask, once at a time, whether somebody is still logged in. A
 * server that does not answer is no error of the map: the page says that itself.
 * @param {MapLibre} map
 * @param {Store} store
 * @param {() => Promise<void>} onUnauthorized
 */
function reportErrors(map, store, onUnauthorized) {
  let asking = false;
  map.on("error", ({ error }) => {
    const { status } = /** @type {{ status?: number }} */ (error);
    if (status === 0) store.set({ online: false });
    else if (status !== 401) console.error(error);
    else if (!asking) {
      asking = true;
      void onUnauthorized().finally(() => (asking = false));
    }
  });
}

/**
 * On a phone, fold the attribution behind its button; MapLibre would open it over half of the map.
 * @param {HTMLElement} container
 */
function closeAttribution(container) {
  const sources = container.querySelector(".maplibregl-ctrl-attrib");
  sources?.classList.remove("maplibregl-compact-show");
  sources?.removeAttribute("open");
}

/**
 * @param {HTMLElement} container
 * @param {Store} store
 * @param {(view: View) => void} onMove
 */
function start(container, store, onMove) {
  const state = store.get();
  if (!state.map || !state.style) return null;
  try {
    const map = createMap(container, readHash(location.hash).view, { ...state, map: state.map, style: state.style });
    map.on("click", (event) => inspects() && store.set({ hits: hitsAt(map, event.point), chosen: 0, framing: false, track: null, pin: null }));
    chooseByKeyboard(map, store);
    hover(map);
    const moved = () => {
      const { lat, lng } = map.getCenter();
      onMove({ zoom: map.getZoom(), lat, lon: lng, bearing: map.getBearing(), pitch: map.getPitch() });
    };
    map.on("moveend", moved);
    map.on("load", moved);
    if (isPhone()) map.once("idle", () => closeAttribution(container));
    tellIdle(map, container, () => isComplete(map, store.get()));
    beginMoving(map, store);
    Object.assign(container, { map }); // for tests and the console: document.querySelector(".mapview").map
    return map;
  } catch (error) {
    console.error(error);
    store.set({ webgl: false, trouble: hasWebgl() ? String(error) : "", mode: "list" });
    return null;
  }
}

/** Whether the browser has WebGL 2; if it has, another error stopped the map, and the page shows it. */
function hasWebgl() {
  return document.createElement("canvas").getContext("webgl2") !== null;
}

/** @param {{ store: Store, state: State, map: MapLibre | null }} props */
function Tools({ store, state, map }) {
  const { language } = state;
  const [shared, setShared] = useState(false);
  const home = () => state.map?.bbox && map?.fitBounds(state.map.bbox, { padding: framing(), duration: motion() });
  const share = () => navigator.clipboard?.writeText(location.href).then(() => setShared(true), () => setShared(false));
  return html`<div class="tools" role="toolbar">
    <button class="tool" title=${t(language, "tool.home")} aria-label=${t(language, "tool.home")} onClick=${home}><${Icon} name="home" /></button>
    <button class="tool" title=${t(language, "tool.relief")} aria-label=${t(language, "tool.relief")} aria-pressed=${state.relief}
      onClick=${() => store.set({ relief: !state.relief })}><${Icon} name="cube" /></button>
    <button class="tool" title=${t(language, "tool.share")} aria-label=${t(language, "tool.share")} onClick=${share}><${Icon} name="link" /></button>
    ${shared && html`<span class="shared" role="status">${t(language, "tool.shared")}</span>`}
  </div>`;
}
