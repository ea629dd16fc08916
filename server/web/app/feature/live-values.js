// The live values of a feature with their ages; a number that is measured opens its course of the last day.

import { html, useState } from "../../vendor/preact.mjs";
import { formatValue, t, titleOf } from "../i18n.js";
import { Age } from "./age.js";
import { SeriesChart } from "./series.js";

/** @typedef {import("../types.js").State} State */
/** @typedef {import("../types.js").Field} Field */
/** @typedef {import("../types.js").Feature} Feature */
/** @typedef {import("../types.js").Layer} Layer */

/** Fields that say how a thing is: they stand in the head of the panel, in the colours of the map. */
export const STATES = ["stage", "severity", "alarm", "online_status", "availability", "status_code", "water_depth_class", "rain_class", "aqi_level", "risk_level"];
const OVERDUE = "overdue"; // where it is so, the head says it
const ISSTALE = /(^|_)is_stale$/;

/**
 * Whether a field is told by another one: the time of a value, its quality, whether it is stale.
 * @param {Field} field
 */
export function accompanies(field) {
  return field.type === "datetime" || ISSTALE.test(field.name) || field.live?.take === "quality";
}

/**
 * The newest time of a feature's live values.
 * @param {Layer | undefined} layer
 * @param {Feature} feature
 * @returns {string | null}
 */
export function newestTime(layer, feature) {
  const times = (layer?.fields ?? []).filter(({ live, type }) => live && type === "datetime").map(({ name }) => feature.properties[name]);
  const own = times.filter(Boolean).sort((one, other) => Date.parse(other) - Date.parse(one))[0];
  return own ?? feature.properties["updated_at"] ?? feature.properties["occurred_at"] ?? null;
}

/**
 * @param {Layer | undefined} layer
 * @param {Feature} feature
 */
export function isStale(layer, feature) {
  return (layer?.fields ?? []).some(({ name }) => ISSTALE.test(name) && feature.properties[name] === true);
}

/** @param {{ state: State, layer: Layer, feature: Feature, hit: import("../types.js").Hit }} props */
export function LiveValues({ state, layer, feature, hit }) {
  const { language, map } = state;
  const [chosen, setChosen] = useState("");
  const values = layer.fields.filter(({ live, name }) => live && feature.properties[name] !== null && feature.properties[name] !== undefined).filter((field) => !accompanies(field) && !STATES.includes(field.name) && field.name !== OVERDUE);
  if (!values.length) return null;
  const stale = isStale(layer, feature);
  const measured = values.filter((field) => field.type === "number" && field.live?.source === "observation" && field.live.property);
  const property = measured.find(({ name }) => name === chosen)?.live?.property ?? measured[0]?.live?.property;
  return html`<section class=${`live-values ${stale ? "stale" : ""}`} aria-label=${t(language, "panel.live")}>
    ${stale && html`<p class="is-stale">${t(language, "panel.stale")}</p>`}
    <dl>${values.map((field) => html`<div key=${field.name}>
      <dt title=${field.name}>${titleOf(language, field)}</dt>
      <dd>${formatValue(language, field, feature.properties[field.name], map?.codes ?? {})}</dd>
      ${measured.length > 1 && measured.includes(field) && html`<button class="plain" aria-pressed=${field.live?.property === property} title=${t(language, "panel.series")}
        aria-label=${`${titleOf(language, field)} · ${t(language, "panel.series")}`} onClick=${() => setChosen(field.name)}>∿</button>`}
      ${timeOf(layer, feature, field) && html`<small><${Age} language=${language} time=${timeOf(layer, feature, field)} /></small>`}
    </div>`)}</dl>
    ${property && html`<${SeriesChart} key=${property} state=${state} hit=${hit} property=${property} version=${state.changes[hit.layer] ?? 0} />`}
  </section>`;
}

/**
 * When a value was measured, where a field of the layer tells it.
 * @param {Layer} layer
 * @param {Feature} feature
 * @param {Field} field
 */
function timeOf(layer, feature, field) {
  const own = layer.fields.find(({ live, type }) => type === "datetime" && live?.source === field.live?.source && live?.property === field.live?.property);
  return own && feature.properties[own.name];
}
