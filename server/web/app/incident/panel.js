// The incident's panel: asks everything about a place at once, draws it, and shows it with its time.

import { html, useEffect, useState } from "../../vendor/preact.mjs";
import { ServerError } from "../api.js";
import { sketch } from "../draw/sketch.js";
import { formatError, formatTime, t } from "../i18n.js";
import { framing } from "../map/map.js";
import { addSheet } from "../sheets.js";
import { findings } from "../state/findings.js";
import { incident, writeIncident } from "../state/incident.js";
import { layerOf } from "../store.js";
import { isViewed } from "../state/link.js";
import { shownMap } from "../state/map.js";
import { drawOver } from "../state/overlays.js";
import { at } from "../state/time.js";
import { boxAround, drawnIncident } from "./drawn.js";
import { Plot, plotOf } from "./plot.js";
import { readCameras, readChain, readPatrols, readPlace, readResources, readRings, readWhere } from "./read.js";
import { Report } from "./report.js";

/** @typedef {import("../store.js").Store} Store */
/** @typedef {import("../types.js").State} State */
/** @typedef {import("../state/findings.js").Findings} Findings */
/** @typedef {Awaited<ReturnType<typeof readPlace>>} Place */

/** @type {(place: Place, state: State) => Record<string, () => Promise<any>>} */
const questions = (place, state) => ({
  where: () => readWhere(place),
  rings: () => readRings(place, state),
  cameras: () => ofLayer(state, "video_points", () => readCameras(place)),
  resources: () => readResources(place),
  chain: () => readChain(place, place.matter),
  patrols: () => ofLayer(state, "grid_workers", () => readPatrols(place)),
});

/**
 * Ask about a layer; who has none of it is told so without asking.
 * @param {State} state
 * @param {string} id
 * @param {() => Promise<any>} question
 * @returns {Promise<any>}
 */
async function ofLayer(state, id, question) {
  if (!layerOf(state, id)) throw new ServerError(404, id);
  return question();
}

const STALE_MS = 5 * 60_000;
const LOOK_MS = 30_000;
addSheet("css/incident.css");

let shownKey = ""; // the incident to which the map was moved last

/**
 * Move the map to an incident: when it is chosen, and when a link with it is opened or pasted, as soon as there is a map. A link
 * whose own view shows the place is left as it was shared.
 * @param {string} key
 * @param {Findings | null} found
 */
function useMove(key, found) {
  const map = shownMap.value;
  const [pasted, setPasted] = useState(0);
  useEffect(() => {
    const again = () => {
      shownKey = "";
      setPasted((n) => n + 1);
    };
    addEventListener("hashchange", again); // of a pasted link: the page writes its own without a word
    return () => removeEventListener("hashchange", again);
  }, []);
  useEffect(() => {
    if (!key) shownKey = "";
    if (!map || !found || found.key !== key || shownKey === key) return;
    shownKey = key;
    if (isViewed("incident", key) && map.getBounds().contains([found.lon, found.lat])) return;
    map.fitBounds(boxAround(found), { padding: framing(), duration: 0 });
  }, [map, key, found?.key, pasted]);
}

/** @param {{ store: Store, state: State }} props */
export default function IncidentPanel({ store, state }) {
  const { language } = state;
  const asked = incident.value;
  const key = writeIncident(asked);
  const found = findings.value;
  const { fault, read, retry } = useFindings(key, state);
  useMove(key, found);
  useEffect(() => drawOver("incident", found ? drawnIncident(found) : []), [found]);
  const choose = async () => {
    const map = shownMap.peek();
    const place = map && (await sketch(map, "point"));
    if (place) incident.value = { lon: place.coordinates[0], lat: place.coordinates[1] };
  };
  const close = () => (incident.value = null);
  const [, look] = useState(0);
  useEffect(() => {
    const timer = setInterval(() => look(Date.now()), LOOK_MS); // what was found grows old while nobody touches the page
    return () => clearInterval(timer);
  }, []);
  if (!asked) return html`<div class="panel-empty"><p>${t(language, "incident.choose")}</p>
    <button class="primary" disabled=${!shownMap.value} onClick=${choose}>${t(language, "incident.pick")}</button></div>`;
  return html`<div class="incident">
    <div class="panel-head">
      <strong>${found?.title ?? key}</strong>
      ${found && html`<span class=${isStale(found, state) ? "stale" : "soft"} role="status">${t(language, isStale(found, state) ? "incident.stale" : "incident.since", { time: formatTime(language, found.since) })}</span>`}
      <span class="push" />
      <button class="small" onClick=${read}>${t(language, "incident.again")}</button>
      <button class="small" onClick=${choose}>${t(language, "incident.pick")}</button>
      <button class="primary" disabled=${!found} onClick=${() => window.print()}>${t(language, "incident.print")}</button>
      <button class="small" onClick=${close}>${t(language, "panel.close")}</button>
    </div>
    ${fault && html`<p class="wrong" role="alert">${formatError(language, fault)} <button class="plain" onClick=${read}>${t(language, "state.retry")}</button></p>`}
    ${!found && !fault && html`<p class="soft" role="status"><span class="spinner" />${t(language, "panel.loading")}</p>`}
    ${found && html`<div class="columns">
      <${Report} state=${state} found=${{ ...found, plot: [] }} onRetry=${retry} onChoose=${(/** @type {import("../types.js").Hit} */ hit) => store.set({ hits: [hit], chosen: 0, framing: false })} />
      <${Plot} language=${language} reader=${state.reader} key_=${key} plot=${found.plot} onChange=${(/** @type {Findings["plot"]} */ plot) => (findings.value = { ...found, plot })} />
    </div>`}
  </div>`;
}


/**
 * Whether what was found is old, or the server has been away since.
 * @param {Findings} found
 * @param {State} state
 */
const isStale = (found, state) => !state.online || (at.value === null && Date.now() - Date.parse(found.since) > STALE_MS);

/**
 * Read everything about an incident; again when another one is chosen, or somebody else is logged in.
 * @param {string} key
 * @param {State} state
 */
function useFindings(key, state) {
  const [fault, setFault] = useState(/** @type {unknown} */ (null));
  const [place, setPlace] = useState(/** @type {Place | null} */ (null));
  const put = (/** @type {string} */ name, /** @type {any} */ part) => {
    const now = findings.peek();
    if (now) findings.value = { ...now, [name]: part };
  };
  const fill = async (/** @type {string} */ name, /** @type {() => Promise<any>} */ question, /** @type {string} */ since) => {
    put(name, { status: "loading" });
    const part = await question().then((value) => ({ status: "ready", value }), (error) => ({ status: "error", error }));
    if (findings.peek()?.since === since) put(name, part); // else another reading has begun
  };
  const read = async () => {
    const asked = incident.peek();
    setFault(null);
    if (!asked) return;
    try {
      const spot = await readPlace(asked, state);
      if (writeIncident(incident.peek()) !== key) return;
      const since = at.peek() ?? new Date().toISOString();
      const loading = /** @type {const} */ ({ status: "loading" });
      const { lon, lat, title } = spot;
      findings.value = { key, where: loading, rings: loading, cameras: loading, resources: loading, chain: loading, patrols: loading,
        title, lon, lat, since, plot: plotOf(state.reader, key) };
      setPlace(spot);
      await Promise.all(Object.entries(questions(spot, state)).map(([name, question]) => fill(name, question, since)));
    } catch (error) {
      setFault(error);
    }
  };
  useEffect(() => {
    if (key) void read();
    else findings.value = null;
  }, [key, state.reader, state.map === null, at.value]);
  const retry = (/** @type {keyof Findings} */ name) => {
    const question = place && questions(place, state)[name];
    if (question) void fill(name, question, findings.peek()?.since ?? "");
  };
  return { fault, read: () => void read(), retry };
}
