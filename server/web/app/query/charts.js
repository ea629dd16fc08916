// Bars of a layer in an area: by one of its classes or by area, and by time. Each bar has its number beside it.

import { html, useEffect, useState } from "../../vendor/preact.mjs";
import { formatNumber, t, titleOf } from "../i18n.js";
import { faultText } from "./faults.js";
import { readBreakdown, readCourse } from "./read.js";

/** @typedef {import("../types.js").State} State */
/** @typedef {import("../types.js").Layer} Layer */

const BARS_MAX = 12;
const HOUR_S = 3600;
/** @type {Record<string, { spans: number, seconds: number }>} */
const COURSES = { day: { spans: 12, seconds: 2 * HOUR_S }, week: { spans: 14, seconds: 12 * HOUR_S }, month: { spans: 15, seconds: 48 * HOUR_S } };

/** @param {{ state: State, layer: Layer, filter: string, version: string }} props */
export function Charts({ state, layer, filter, version }) {
  const time = layer.fields.find(({ name, type, common }) => type === "datetime" && !common && /^(occurred_at|installed_at|reported_at)$/.test(name));
  return html`<div class="charts">
    <${Breakdown} state=${state} layer=${layer} filter=${filter} version=${version} />
    ${time && html`<${Course} state=${state} layer=${layer} filter=${filter} version=${version} field=${time.name} />`}
  </div>`;
}

/** @param {{ state: State, layer: Layer, filter: string, version: string }} props */
function Breakdown({ state, layer, filter, version }) {
  const { language } = state;
  const classes = layer.fields.filter(({ codes, masked, type, common }) => codes && !masked && type === "string" && !common);
  const areas = [["street", t(language, "query.by.street")], ["community", t(language, "query.by.community")], ["grid", t(language, "query.by.grid")]];
  const usual = classes.find(({ name }) => layer.tile_fields.includes(name)) ?? classes[0];
  const [by, setBy] = useState(usual?.name ?? "community");
  const { value: bars, busy, fault, again } = useAnswer(() => readBreakdown(layer.id, filter, by), [layer.id, filter, by, version]);
  const most = Math.max(1, ...(bars ?? []).map(({ count }) => (typeof count === "number" ? count : 1)));
  return html`<figure aria-busy=${busy}>
    <figcaption><label class="field">${t(language, "query.by")} <select onChange=${(/** @type {Event} */ event) => setBy(/** @type {HTMLSelectElement} */ (event.target).value)}>
      ${classes.map((field) => html`<option value=${field.name} selected=${field.name === by}>${titleOf(language, field)}</option>`)}
      ${areas.map(([value, title]) => html`<option value=${value} selected=${value === by}>${title}</option>`)}
    </select></label></figcaption>
    <${States} language=${language} busy=${busy && !bars} fault=${fault} empty=${bars?.length === 0} onRetry=${again} />
    ${bars && html`<ul class=${busy ? "bars stale" : "bars"}>${bars.slice(0, BARS_MAX).map(({ name, count }) => html`<li key=${name}>
      <span>${name}</span><i style=${{ "--share": typeof count === "number" ? count / most : 0.01 }} aria-hidden="true" /><b>${typeof count === "number" ? formatNumber(language, count) : count}</b></li>`)}</ul>`}
    ${bars && bars.length > BARS_MAX && html`<p class="soft">${t(language, "query.morebars", { n: bars.length - BARS_MAX })}</p>`}
  </figure>`;
}

/** @param {{ state: State, layer: Layer, filter: string, version: string, field: string }} props */
function Course({ state, layer, filter, version, field }) {
  const { language } = state;
  const [span, setSpan] = useState("week");
  const title = layer.fields.find(({ name }) => name === field);
  const axis = COURSES[span] ?? { spans: 14, seconds: 12 * HOUR_S };
  const ask = () => readCourse(layer.id, filter, field, { ...axis, until: Date.parse(version) });
  const { value: course, busy, fault, again } = useAnswer(ask, [layer.id, filter, span, version]);
  const most = Math.max(1, ...(course ?? []).map(({ count }) => count));
  const moment = (/** @type {number} */ begins) => new Intl.DateTimeFormat(language, { month: "numeric", day: "numeric", hour: "2-digit", minute: "2-digit", hourCycle: "h23", timeZone: "Asia/Shanghai" }).format(begins);
  return html`<figure aria-busy=${busy}>
    <figcaption><label class="field">${title && titleOf(language, title)} <select onChange=${(/** @type {Event} */ event) => setSpan(/** @type {HTMLSelectElement} */ (event.target).value)}>
      <option value="day" selected=${span === "day"}>${t(language, "query.day")}</option>
      <option value="week" selected=${span === "week"}>${t(language, "query.week")}</option>
      <option value="month" selected=${span === "month"}>${t(language, "query.month")}</option>
    </select></label></figcaption>
    <${States} language=${language} busy=${busy && !course} fault=${fault} empty=${course?.every(({ count }) => count === 0) ?? false} onRetry=${again} />
    ${course && html`<ol class=${busy ? "course stale" : "course"}>${course.map(({ begins, count }) => html`<li key=${begins} title=${`${moment(begins)}: ${count}`}>
      <b>${count}</b><i style=${{ "--share": count / most }} aria-hidden="true" /><small>${moment(begins)}</small></li>`)}</ol>`}
  </figure>`;
}

/** @param {{ language: import("../types.js").Language, busy: boolean, fault: unknown, empty: boolean, onRetry: () => void }} props */
function States({ language, busy, fault, empty, onRetry }) {
  if (busy) return html`<p class="soft" role="status"><span class="spinner" />${t(language, "panel.loading")}</p>`;
  if (fault !== null) return html`<p class="wrong" role="alert">${faultText(language, fault)} <button class="plain" onClick=${onRetry}>${t(language, "state.retry")}</button></p>`;
  return empty ? html`<p class="soft">${t(language, "query.none")}</p>` : null;
}

/**
 * The answer to a question, asked again when one of its inputs changes; the one before stays meanwhile.
 * @template T
 * @param {() => Promise<T>} ask
 * @param {readonly unknown[]} inputs
 * @returns {{ value: T | null, busy: boolean, fault: unknown, again: () => void }}
 */
function useAnswer(ask, inputs) {
  const [answer, setAnswer] = useState(/** @type {{ value: T | null, busy: boolean, fault: unknown }} */ ({ value: null, busy: true, fault: null }));
  const [tries, setTries] = useState(0);
  useEffect(() => {
    let current = true;
    setAnswer((before) => ({ ...before, busy: true, fault: null }));
    ask().then((value) => current && setAnswer({ value, busy: false, fault: null }), (fault) => current && setAnswer({ value: null, busy: false, fault }));
    return () => {
      current = false;
    };
  }, [...inputs, tries]);
  return { ...answer, again: () => setTries(tries + 1) };
}
