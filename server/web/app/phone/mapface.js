// The map of the phone: the grid, the tasks and where one is. Read after the list, because it is much larger.

import { html, useEffect, useRef, useState } from "../../vendor/preact.mjs";
import { LngLatBounds, Marker } from "../../vendor/maplibre-gl.mjs";
import { ServerError, fetchFeature } from "../api.js";
import { ownGrid } from "../landing.js";
import { t } from "../i18n.js";
import { MapView } from "../panels/mapview.js";
import { located } from "../state/place.js";
import { isOverdue, openTask, tasks } from "../state/tasks.js";
import { PhoneIcon } from "./classes.js";
import { titleOfTask } from "./tasks.js";

export { FeaturePanel } from "../panels/feature.js";

/** @typedef {import("../store.js").Store} Store */
/** @typedef {import("../types.js").State} State */
/** @typedef {import("../types.js").Feature} Feature */
/** @typedef {import("maplibre-gl").Map} MapLibre */

const CLOSE_ZOOM = 16;
const AGAIN_MS = 5000;
const SHEET = 0.6; // of the map lies below the sheet

/** @param {{ store: Store, state: State, refresh: () => Promise<void>, onTask: () => void }} props */
export default function PhoneMap({ store, state, refresh, onTask }) {
  const around = useRef(/** @type {HTMLElement | null} */ (null));
  const [map, setMap] = useState(/** @type {MapLibre | null} */ (null));
  const grid = useGrid(ownGrid(state.account));
  const begun = () => {
    const view = /** @type {any} */ (around.current?.querySelector(".mapview"));
    if (view?.map) setMap(view.map);
  };
  useEffect(() => (map ? markTasks(map, state.language, onTask) : undefined), [map, tasks.value, openTask.value, state.language]);
  useEffect(() => (map && located.value ? markMe(map, located.value, t(state.language, "phone.place.me")) : undefined), [map, located.value, state.language]);
  useEffect(() => {
    if (map && grid) frame(map, grid);
  }, [map, grid]);
  useEffect(() => {
    const open = tasks.value.features.find(({ id }) => id === openTask.value);
    if (map && open?.geometry?.type === "Point") approach(map, open.geometry.coordinates);
  }, [map, openTask.value]);
  const toMe = () => located.value && map?.easeTo({ center: [located.value.lon, located.value.lat], zoom: Math.max(map.getZoom(), CLOSE_ZOOM), ...moving() });
  return html`<div class="phone-map" ref=${around}>
    <${MapView} key=${state.language} store=${store} state=${state} marked=${grid} onMove=${begun} onUnauthorized=${refresh} />
    <button class="locate" aria-label=${t(state.language, "phone.locate")} disabled=${!located.value} onClick=${toMe}><${PhoneIcon} name="locate" /></button>
  </div>`;
}

const moving = () => ({ duration: matchMedia("(prefers-reduced-motion: reduce)").matches ? 0 : 500 });

/**
 * Move to a place, above the sheet.
 * @param {MapLibre} map
 * @param {[number, number]} center
 */
function approach(map, center) {
  const zoom = Math.max(map.getZoom(), CLOSE_ZOOM);
  map.easeTo({ center, zoom, offset: [0, -map.getContainer().clientHeight / 4], ...moving() });
}

/**
 * The outline of the grid in which the phone is; until that is known, of the one its owner works in.
 * @param {string} own  its code, or nothing
 * @returns {any} GeoJSON geometry, or null
 */
function useGrid(own) {
  const code = located.value?.grid?.code ?? own;
  const [grid, setGrid] = useState(/** @type {any} */ (null));
  useEffect(() => {
    let current = true;
    let timer = 0;
    const read = () =>
      fetchFeature("grids", code).then(
        (feature) => current && setGrid(feature.geometry),
        (error) => {
          if (!current) return;
          setGrid(null);
          if (!(error instanceof ServerError) || error.status >= 500) timer = window.setTimeout(read, AGAIN_MS); // the line may come back
        },
      );
    if (code) void read();
    return () => {
      current = false;
      clearTimeout(timer);
    };
  }, [code]);
  return grid;
}

/**
 * @param {MapLibre} map
 * @param {any} geometry
 */
function frame(map, geometry) {
  const bounds = new LngLatBounds();
  for (const ring of geometry.coordinates.flat(geometry.type === "Polygon" ? 0 : 1)) for (const corner of ring) bounds.extend(corner);
  if (!bounds.isEmpty()) map.fitBounds(bounds, { padding: { top: 24, left: 24, right: 24, bottom: Math.round(map.getContainer().clientHeight * SHEET) }, maxZoom: 17, duration: 0 });
}

/**
 * @param {MapLibre} map
 * @param {import("../types.js").Language} language
 * @param {() => void} onTask
 * @returns {() => void} takes the marks away
 */
function markTasks(map, language, onTask) {
  const placed = tasks.value.features.filter(({ geometry }) => geometry?.type === "Point");
  const marks = placed.map((task) => {
    const element = document.createElement("button");
    element.className = `pin ${isOverdue(task) ? "overdue" : ""} ${task.id === openTask.value ? "open" : ""}`;
    element.setAttribute("aria-label", titleOfTask(language, task));
    element.addEventListener("click", (event) => {
      event.stopPropagation();
      openTask.value = task.id;
      onTask();
    });
    return new Marker({ element }).setLngLat(task.geometry.coordinates).addTo(map);
  });
  return () => marks.forEach((one) => one.remove());
}

/**
 * @param {MapLibre} map
 * @param {{ lon: number, lat: number }} at
 * @param {string} label
 * @returns {() => void}
 */
function markMe(map, { lon, lat }, label) {
  const element = document.createElement("div");
  element.className = "me-dot";
  element.setAttribute("role", "img");
  element.setAttribute("aria-label", label);
  const mark = new Marker({ element }).setLngLat([lon, lat]).addTo(map);
  return () => mark.remove();
}
