// Plotting on the map of an incident: points, lines and areas with words. They stay in this browser, by incident.

import { html, useState } from "../../vendor/preact.mjs";
import { sketch } from "../draw/sketch.js";
import { t } from "../i18n.js";
import { Icon } from "../panels/icons.js";
import { shownMap } from "../state/map.js";
import { drawn } from "../state/overlays.js";

/** @typedef {import("../state/overlays.js").Drawn} Drawn */

const STORED = "onemap.plot";
const INCIDENTS_MAX = 50; // kept in a browser; the oldest are forgotten
const WORDS_MAX = 60;

/** @param {string} reader */
const name = (reader) => `${STORED} ${reader}`;

/**
 * What a reader plotted in this browser; the next one at it does not see it.
 * @param {string} reader
 * @returns {Record<string, Drawn[]>}
 */
function stored(reader) {
  localStorage.removeItem(STORED); // plots of whoever it was, which were kept for everybody
  try {
    return JSON.parse(localStorage.getItem(name(reader)) ?? "{}");
  } catch {
    return {}; // somebody else wrote it: nothing of ours is in it
  }
}

/**
 * @param {string} reader  who is logged in
 * @param {string} key  of an incident
 * @returns {Drawn[]}
 */
export const plotOf = (reader, key) => stored(reader)[key] ?? [];

/**
 * @param {string} reader
 * @param {string} key
 * @param {readonly Drawn[]} plot
 */
function keep(reader, key, plot) {
  const { [key]: before, ...others } = stored(reader);
  const entries = [...Object.entries(others), ...(plot.length ? [[key, plot]] : [])].slice(-INCIDENTS_MAX);
  localStorage.setItem(name(reader), JSON.stringify(Object.fromEntries(entries)));
}

/** @param {{ language: import("../types.js").Language, reader: string, key_: string, plot: readonly Drawn[], onChange: (plot: readonly Drawn[]) => void }} props */
export function Plot({ language, reader, key_, plot, onChange }) {
  const [words, setWords] = useState("");
  const change = (/** @type {readonly Drawn[]} */ next) => {
    keep(reader, key_, next);
    onChange(next);
  };
  const add = async (/** @type {"point" | "line" | "polygon"} */ kind) => {
    const map = shownMap.peek();
    const geometry = map && (await sketch(map, kind));
    if (!geometry) return;
    change([...plotOf(reader, key_), drawn("plot", geometry, words.trim())]);
    setWords("");
  };
  return html`<section class="finding plot" aria-label=${t(language, "incident.plot")}>
    <h3>${t(language, "incident.plot")}</h3>
    <label class="field">${t(language, "plot.words")}
      <input value=${words} maxlength=${WORDS_MAX} onInput=${(/** @type {Event} */ event) => setWords(/** @type {HTMLInputElement} */ (event.target).value)} /></label>
    <p class="choices">
      <button class="small" onClick=${() => void add("point")}>${t(language, "geometry.Point")}</button>
      <button class="small" onClick=${() => void add("line")}>${t(language, "geometry.LineString")}</button>
      <button class="small" onClick=${() => void add("polygon")}>${t(language, "geometry.Polygon")}</button>
    </p>
    ${plot.length > 0 && html`<ul>${plot.map((one, at) => html`<li key=${at}>
      ${t(language, `geometry.${one.geometry.type}`)} ${one.properties.label}
      <button class="tool" aria-label=${t(language, "plot.remove")} onClick=${() => change(plot.filter((other) => other !== one))}><${Icon} name="close" /></button></li>`)}</ul>`}
    <p class="soft">${t(language, "plot.kept")}</p>
  </section>`;
}
