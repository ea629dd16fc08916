// The course of a measured value over the last day: a small chart, and its numbers as a table.

import { html, useEffect, useRef } from "../../vendor/preact.mjs";
import { formatClock, formatError, formatNumber, t, titleOf } from "../i18n.js";
import { addSheet } from "../sheets.js";
import { at } from "../state/time.js";
import { readSeries, useRead } from "./read.js";

/** @typedef {import("../types.js").State} State */
/** @typedef {import("./read.js").Series} Series */

const HEIGHT = 96;
const ROWS = 24;

/** @param {{ state: State, hit: import("../types.js").Hit, property: string, version: number }} props */
export function SeriesChart({ state, hit, property, version }) {
  const { language } = state;
  const { value: series, error, again } = useRead(() => readSeries(hit, property), [hit.layer, hit.id, property, at.value ?? Math.floor(version / 15)]);
  if (error) return html`<p class="soft" role="status">${t(language, "panel.series.error", { detail: formatError(language, error) })} <button class="plain" onClick=${again}>${t(language, "state.retry")}</button></p>`;
  if (!series) return html`<p class="soft" aria-busy="true">${t(language, "panel.loading")}</p>`;
  const values = series.observations.filter(({ mean }) => mean !== null);
  if (values.length < 2) return html`<p class="soft">${t(language, "panel.series.empty")}</p>`;
  const title = t(language, "panel.series.day", { what: titleOf(language, series) });
  return html`<figure class="series">
    <figcaption>${title}</figcaption>
    <${Plot} values=${values} language=${language} theme=${state.theme} label=${title} />
    <details><summary>${t(language, "panel.series.table")}</summary>
      <table><tbody>${values.slice(-ROWS).reverse().map(({ time, mean }) => html`<tr key=${time}><td>${formatClock(language, Date.parse(time))}</td><td>${formatNumber(language, Number(mean?.toFixed(3)))}</td></tr>`)}</tbody></table>
    </details>
  </figure>`;
}

/** @param {{ values: Series["observations"], language: import("../types.js").Language, theme: string, label: string }} props */
function Plot({ values, language, theme, label }) {
  const place = useRef(/** @type {HTMLElement | null} */ (null));
  useEffect(() => {
    /** @type {{ destroy: () => void } | null} */
    let plot = null;
    let mounted = true;
    void draw(/** @type {HTMLElement} */ (place.current), values, language).then((made) => {
      if (mounted) plot = made;
      else made.destroy();
    });
    return () => {
      mounted = false;
      plot?.destroy();
    };
  }, [values, language, theme]);
  return html`<div class="plot" ref=${place} role="img" aria-label=${label} />`;
}

/**
 * @param {HTMLElement} place
 * @param {Series["observations"]} values
 * @param {import("../types.js").Language} language
 */
async function draw(place, values, language) {
  const [{ default: Plotter }] = await Promise.all([import("../../vendor/uplot.mjs"), addSheet("vendor/uplot.css")]);
  const look = getComputedStyle(place);
  const [soft, line, accent] = ["--soft", "--hairline", "--accent"].map((name) => look.getPropertyValue(name));
  const axis = { stroke: soft ?? "", grid: { stroke: line ?? "", width: 1 }, ticks: { show: false }, font: "11px system-ui" };
  const clock = (/** @type {number} */ time) => formatClock(language, time * 1000).slice(0, 5);
  const options = {
    width: place.clientWidth || 300,
    height: HEIGHT,
    legend: { show: false },
    cursor: { y: false },
    scales: { x: { time: true } },
    axes: [
      { ...axis, size: 22, values: (/** @type {unknown} */ _, /** @type {number[]} */ times) => times.map(clock) },
      { ...axis, size: 44, values: (/** @type {unknown} */ _, /** @type {number[]} */ numbers) => numbers.map((one) => formatNumber(language, one)) },
    ],
    series: [{}, { stroke: accent ?? "", width: 1.5, points: { show: false } }],
  };
  const times = values.map(({ time }) => Date.parse(time) / 1000);
  return new Plotter(/** @type {any} */ (options), [times, values.map(({ mean }) => mean)], place);
}
