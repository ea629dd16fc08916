// The map's counts: an area on the left, what is in it by layer, and the chosen layer as a table and as charts.

import { html, useEffect, useState } from "../../vendor/preact.mjs";
import { formatError, formatNumber, formatTime, t, titleOf } from "../i18n.js";
import { flyTo } from "../map/map.js";
import { addSheet } from "../sheets.js";
import { area, writeArea } from "../state/area.js";
import { shownMap } from "../state/map.js";
import { at } from "../state/time.js";
import { drawOver, drawn } from "../state/overlays.js";
import { queried } from "../state/queried.js";
import { layerOf } from "../store.js";
import { readGround } from "./areas.js";
import { Charts } from "./charts.js";
import { Chooser } from "./chooser.js";
import { Download } from "./download.js";
import { faultText } from "./faults.js";
import { predicateOf } from "./predicate.js";
import { countItems, eachOf } from "./read.js";
import { Rows } from "./rows.js";
import { Shade } from "./shade.js";

/** @typedef {import("../store.js").Store} Store */
/** @typedef {import("../types.js").State} State */
/** @typedef {import("../types.js").Layer} Layer */
/** @typedef {{ geometry: any, title: string }} Ground */
/** @typedef {{ counts: Map<string, number>, faults: Map<string, unknown>, at: string, of: string }} Counted */

addSheet("css/query.css");

/** @param {{ store: Store, state: State }} props */
export default function QueryPanel({ store, state }) {
  const { language } = state;
  const asked = area.value;
  const key = writeArea(asked);
  const [ground, setGround] = useState(/** @type {(Ground & { of: string }) | null} */ (null));
  const [fault, setFault] = useState(/** @type {unknown} */ (null));
  const [tries, setTries] = useState(0);
  useEffect(() => {
    setFault(null);
    if (asked) readGround(asked).then((read) => setGround({ ...read, of: key }), setFault);
    else setGround(null);
  }, [key, state.reader, tries]);
  const known = asked && ground?.of === key ? ground : null;
  useEffect(() => showGround(asked, known), [key, known]);
  return html`<div class="query">
    <${Chooser} state=${state} />
    ${!asked && html`<p class="panel-empty soft">${t(language, "query.choose")}</p>`}
    ${fault !== null && html`<p class="wrong" role="alert">${formatError(language, fault)}
      <button class="plain" onClick=${() => setTries(tries + 1)}>${t(language, "state.retry")}</button></p>`}
    ${asked && !known && fault === null && html`<p class="soft" role="status"><span class="spinner" />${t(language, "panel.loading")}</p>`}
    ${asked && known && html`<${Answer} key=${`${key} ${at.value ?? ""}`} store=${store} state=${state} asked=${asked} ground=${known} />`}
  </div>`;
}

/**
 * Draw the area, and bring it into view when it is one of the district's.
 * @param {import("../state/area.js").Area | null} asked
 * @param {Ground | null} ground
 */
function showGround(asked, ground) {
  if (!asked) return drawOver("area", []);
  if (!ground) return;
  const geometry = "bbox" in asked ? boxOf(asked.bbox) : ground.geometry;
  drawOver("area", [drawn("area", geometry)]);
  const map = shownMap.peek();
  if ("code" in asked && map) flyTo(map, geometry);
}

/** @param {[number, number, number, number]} box */
function boxOf([west, south, east, north]) {
  return { type: "Polygon", coordinates: [[[west, south], [east, south], [east, north], [west, north], [west, south]]] };
}

/** @param {{ store: Store, state: State, asked: import("../state/area.js").Area, ground: Ground }} props */
function Answer({ store, state, asked, ground }) {
  const { language } = state;
  const layers = (state.map?.layers ?? []).filter((layer) => layer.geometry_type !== "None" && layer.count > 0 && canAsk(layer, asked, ground));
  const { counted, busy, read } = useCounts(asked, ground, layers, state);
  const filled = layers.filter((layer) => counted?.counts.get(layer.id));
  const fullest = filled.find(({ id }) => id === "events") ?? filled.find(({ geometry_type: type }) => type === "Point") ?? filled[0];
  const layer = layerOf(state, queried.value) ?? fullest;
  const changed = at.value === null && counted !== null && counted.of !== versionsOf(layers);
  return html`<section class="counts" aria-label=${t(language, "query.counts")} aria-busy=${busy}>
      <h3>${ground.title || titleOfShape(language, asked)}
        <button class="plain" onClick=${() => (area.value = null)}>${t(language, "query.clear")}</button></h3>
      ${counted && html`<p class=${changed || !state.online ? "stale" : "soft"} role="status">${t(language, changed || !state.online ? "query.stale" : "query.asof", { time: formatTime(language, counted.at) })}${" "}
        <button class="plain" disabled=${busy} onClick=${read}>${t(language, "query.again")}</button></p>`}
      ${!counted && html`<p class="soft" role="status"><span class="spinner" />${t(language, "panel.loading")}</p>`}
      ${counted && html`<ul>${layers.map((one) => html`<${Count} key=${one.id} state=${state} layer=${one} counted=${counted} chosen=${one === layer} onRetry=${read} />`)}</ul>`}
    </section>
    ${layer && counted && html`<${Chosen} key=${layer.id} store=${store} state=${state} layer=${layer} asked=${asked} filter=${predicateOf(asked, layer, ground.geometry)} version=${counted.at} count=${counted.counts.get(layer.id) ?? 0} />`}`;
}

/**
 * Whether a reader may ask which features of a layer are in an area: where he sees no place, only by their codes.
 * @param {Layer} layer
 * @param {import("../state/area.js").Area} asked
 * @param {Ground} ground
 */
function canAsk(layer, asked, ground) {
  return layer.bbox !== null || !predicateOf(asked, layer, ground.geometry).startsWith("S_");
}

/** @param {{ state: State, layer: Layer, counted: Counted, chosen: boolean, onRetry: () => void }} props */
function Count({ state: { language }, layer, counted, chosen, onRetry }) {
  const fault = counted.faults.get(layer.id);
  const count = counted.counts.get(layer.id);
  if (fault !== undefined) return html`<li class="wrong" role="alert">${titleOf(language, layer)} ${faultText(language, fault)} <button class="plain" onClick=${onRetry}>${t(language, "state.retry")}</button></li>`;
  return html`<li><button class=${count ? "" : "soft"} aria-pressed=${chosen} onClick=${() => (queried.value = layer.id)}>
    <span class="dot" style=${{ "--color": layer.color }} aria-hidden="true" /><span>${titleOf(language, layer)}</span><b>${formatNumber(language, count ?? 0)}</b></button></li>`;
}

/** @param {{ store: Store, state: State, layer: Layer, asked: import("../state/area.js").Area, filter: string, version: string, count: number }} props */
function Chosen({ store, state, layer, asked, filter, version, count }) {
  const { language } = state;
  const [shown, setShown] = useState(/** @type {"rows" | "charts"} */ ("rows"));
  const tab = (/** @type {"rows" | "charts"} */ name, /** @type {string} */ title) => html`<button role="tab" aria-selected=${shown === name} onClick=${() => setShown(name)}>${title}</button>`;
  return html`<section class="chosen" aria-label=${titleOf(language, layer)}>
    <div class="panel-head">
      <strong>${titleOf(language, layer)}</strong>
      <span role="tablist">${tab("rows", t(language, "query.rows"))}${tab("charts", t(language, "query.charts"))}</span>
      <span class="push" />
      <${Shade} state=${state} layer=${layer} asked=${asked} filter=${filter} version=${version} count=${count} />
      <${Download} state=${state} layer=${layer} filter=${filter} />
    </div>
    ${shown === "rows" ? html`<${Rows} store=${store} state=${state} layer=${layer} filter=${filter} version=${version} />`
      : html`<${Charts} state=${state} layer=${layer} filter=${filter} version=${version} />`}
  </section>`;
}

const versionsOf = (/** @type {Layer[]} */ layers) => layers.map(({ id, version }) => `${id}:${version}`).join();

/**
 * How many of each layer are in the area; what was counted stays while it is counted again.
 * @param {import("../state/area.js").Area} asked
 * @param {Ground} ground
 * @param {Layer[]} layers
 * @param {State} state
 */
function useCounts(asked, ground, layers, state) {
  const [counted, setCounted] = useState(/** @type {Counted | null} */ (null));
  const [busy, setBusy] = useState(false);
  const read = async () => {
    setBusy(true);
    const [counts, faults, of, asOf] = [new Map(), new Map(), versionsOf(layers), at.value ?? new Date().toISOString()];
    await eachOf(layers, async (layer) => {
      await countItems(layer.id, predicateOf(asked, layer, ground.geometry)).then((count) => counts.set(layer.id, count), (error) => faults.set(layer.id, error));
    });
    setCounted({ counts, faults, of, at: asOf });
    setBusy(false);
  };
  useEffect(() => void read(), [state.reader]);
  return { counted, busy, read: () => void read() };
}

/**
 * @param {import("../types.js").Language} language
 * @param {import("../state/area.js").Area} asked
 */
function titleOfShape(language, asked) {
  if ("bbox" in asked) return t(language, "query.box");
  if ("code" in asked) return asked.code;
  return asked.round ? t(language, "query.round", { m: asked.round[2] }) : t(language, "query.shape");
}
