// The tab of series: what the chosen feature has measured, or how fast it drove, over the window; with a table of the same.

import { html, useEffect, useRef, useState } from "../../vendor/preact.mjs";
import { formatError, formatNumber, t } from "../i18n.js";
import { addSheet } from "../sheets.js";
import { at } from "../state/time.js";
import { layerOf } from "../store.js";
import { now } from "./clock.js";
import { choicesOf, readMeasured } from "./measured.js";
import { SPANS, span, spanId } from "./windows.js";
import { dayAndTime } from "./words.js";

/** @typedef {import("../types.js").State} State */
/** @typedef {import("../types.js").Layer} Layer */
/** @typedef {import("../types.js").Language} Language */
/** @typedef {import("./measured.js").Measured} Measured */

addSheet("vendor/uplot.css");
const ROWS = 200;
const LEAST_PX = 120;

/** @param {{ state: State }} props */
export default function SeriesPanel({ state }) {
  const { language } = state;
  const hit = state.hits[state.chosen];
  const layer = hit && layerOf(state, hit.layer);
  const choices = layer ? choicesOf(language, layer) : [];
  if (!hit || !layer || !choices.length) return html`<p class="notice" role="status">${t(language, "series.choose")}</p>`;
  return html`<${Chosen} key=${`${hit.layer}/${hit.id}`} state=${state} layer=${layer} id=${hit.id} choices=${choices} />`;
}

/** @param {{ state: State, layer: Layer, id: string, choices: import("./measured.js").Choice[] }} props */
function Chosen({ state, layer, id, choices }) {
  const { language } = state;
  const [code, setCode] = useState(choices[0]?.code ?? "");
  const [measured, setMeasured] = useState(/** @type {Measured | null} */ (null));
  const [fault, setFault] = useState(/** @type {unknown} */ (null));
  const [tries, setTries] = useState(0);
  const minute = Math.floor(now.value / 60_000) * 60_000;
  const to = at.value ? Date.parse(at.value) : minute;
  const from = to - span().length_ms;
  const choice = choices.find((one) => one.code === code) ?? choices[0];
  useEffect(() => {
    let current = true;
    if (!choice) return;
    readMeasured(language, layer, id, choice, from, to).then(
      (found) => {
        if (!current) return;
        setMeasured(found);
        setFault(null);
      },
      (error) => current && setFault(error),
    );
    return () => {
      current = false;
    };
  }, [code, from, to, tries, language]);
  return html`<div class="series">
    <div class="time-controls">
      <select aria-label=${t(language, "series.what")} onChange=${(/** @type {any} */ event) => setCode(event.currentTarget.value)}>
        ${choices.map((one) => html`<option value=${one.code} key=${one.code} selected=${one.code === code}>${one.title}</option>`)}
      </select>
      <select aria-label=${t(language, "time.window")} onChange=${(/** @type {any} */ event) => (spanId.value = event.currentTarget.value)}>
        ${SPANS.map((one) => html`<option value=${one.id} key=${one.id} selected=${one.id === spanId.value}>${t(language, `time.window.${one.id}`)}</option>`)}
      </select>
      <code>${id}</code>
    </div>
    ${fault !== null && html`<p class="wrong" role="alert">${t(language, "series.error", { detail: formatError(language, fault) })}
      <button class="plain" onClick=${() => setTries(tries + 1)}>${t(language, "state.retry")}</button></p>`}
    ${!measured && fault === null && html`<p class="soft" role="status"><span class="spinner" />${t(language, "panel.loading")}</p>`}
    ${measured && !measured.times.length && html`<p class="soft" role="status">${t(language, "series.empty")}</p>`}
    ${measured && measured.times.length > 0 && html`<${Plot} language=${language} measured=${measured} /><${Table} language=${language} measured=${measured} />`}
  </div>`;
}

/** @param {{ language: Language, measured: Measured }} props */
function Plot({ language, measured }) {
  const frame = useRef(/** @type {HTMLElement | null} */ (null));
  useEffect(() => {
    const element = frame.current;
    if (!element) return;
    let drawn = /** @type {{ destroy: () => void } | null} */ (null);
    let gone = false;
    void import("../../vendor/uplot.mjs").then(({ default: Chart }) => {
      if (!gone) drawn = new Chart(/** @type {any} */ (optionsOf(language, measured, element)), /** @type {any} */ (dataOf(measured)), element);
    });
    return () => {
      gone = true;
      drawn?.destroy();
    };
  }, [measured, language]);
  return html`<div class="plot" ref=${frame} aria-hidden="true" />`;
}

/** @param {Measured} measured */
function dataOf({ times, values, thresholds }) {
  return [times, values, ...thresholds.map(({ value }) => times.map(() => value))];
}

/**
 * @param {Language} language
 * @param {Measured} measured
 * @param {HTMLElement} element
 */
function optionsOf(language, { title, unit, thresholds }, element) {
  const style = getComputedStyle(element);
  const color = (/** @type {string} */ name) => style.getPropertyValue(name).trim();
  const grid = { stroke: color("--hairline"), width: 1 };
  const words = (/** @type {unknown} */ _, /** @type {number | null} */ value) => (value === null ? "–" : `${formatNumber(language, value)} ${unit ?? ""}`);
  return {
    width: element.clientWidth, height: Math.max(LEAST_PX, element.clientHeight),
    axes: [{ stroke: color("--soft"), grid, values: (/** @type {unknown} */ _, /** @type {number[]} */ ticks) => clocksOf(language, ticks) },
      { stroke: color("--soft"), grid }],
    series: [{ value: (/** @type {unknown} */ _, /** @type {number | null} */ time) => (time === null ? "–" : dayAndTime(language, time * 1000)), label: t(language, "events.column.time") },
      { label: title, stroke: color("--accent"), width: 1.5, value: words },
      ...thresholds.map((one) => ({ label: one.title, stroke: color("--warn"), width: 1.5, dash: [6, 4], points: { show: false }, value: words }))],
  };
}

/**
 * Clock times below a chart: with seconds where two ticks lie in one minute.
 * @param {Language} language
 * @param {number[]} ticks  seconds
 */
function clocksOf(language, ticks) {
  const inOneMinute = ticks.length > 1 && Number(ticks[1]) - Number(ticks[0]) < 60;
  return ticks.map((one) => dayAndTime(language, one * 1000).slice(-8, inOneMinute ? undefined : -3));
}

/** @param {{ language: Language, measured: Measured }} props */
function Table({ language, measured: { title, unit, times, values } }) {
  const rows = times.map((time, n) => ({ time, value: values[n] })).slice(-ROWS).reverse();
  return html`<details><summary>${t(language, "series.table", { n: formatNumber(language, times.length) })}</summary>
    <table><thead><tr><th>${t(language, "events.column.time")}</th><th>${title}${unit ? ` (${unit})` : ""}</th></tr></thead>
      <tbody>${rows.map(({ time, value }) => html`<tr key=${time}><td>${dayAndTime(language, time * 1000)}</td><td>${value === null || value === undefined ? "–" : formatNumber(language, value)}</td></tr>`)}</tbody>
    </table></details>`;
}
