// The alternative to the map, for readers who cannot see it or lack WebGL: a layer as a table, page by page.

import { html, useEffect, useState } from "../../vendor/preact.mjs";
import { featurePath, fetchPage, firstPage } from "../api.js";
import { formatError, formatNumber, formatValue, t, titleOf } from "../i18n.js";
import { layerOf } from "../store.js";
import { Icon } from "./icons.js";

/** @typedef {import("../store.js").Store} Store */
/** @typedef {import("../types.js").State} State */
/** @typedef {import("../types.js").Feature} Feature */
/** @typedef {import("../types.js").Layer} Layer */

const COLUMNS = 6;

/** @param {{ store: Store, state: State }} props */
export function ListView({ store, state }) {
  const { language } = state;
  const filled = (state.map?.layers ?? []).filter((layer) => layer.count > 0);
  const layer = layerOf(state, state.listed) ?? filled[0];
  const choose = (/** @type {Event} */ event) => store.set({ listed: /** @type {HTMLSelectElement} */ (event.target).value });
  return html`<main class="listview" aria-label=${t(language, "list.title")}>
    ${!state.webgl && html`<p class="notice" role="status">
      ${state.trouble ? t(language, "state.nomap", { reason: state.trouble }) : t(language, "state.nowebgl")}</p>`}
    <div class="list-head">
      <label>${t(language, "list.choose")}
        <select value=${layer?.id} onChange=${choose}>
          ${filled.map((one) => html`<option value=${one.id} selected=${one === layer}>${titleOf(language, one)} (${formatNumber(language, one.count)})</option>`)}
        </select>
      </label>
      ${state.webgl && html`<button class="primary" onClick=${() => store.set({ mode: "map" })}><${Icon} name="layers" />${t(language, "list.back")}</button>`}
    </div>
    ${layer && html`<${Table} store=${store} state=${state} layer=${layer} key=${`${layer.id}:${state.account?.id ?? ""}`} />`}
  </main>`;
}

/** @param {{ store: Store, state: State, layer: Layer }} props */
function Table({ store, state, layer }) {
  const { language } = state;
  const [features, setFeatures] = useState(/** @type {Feature[]} */ ([]));
  const [next, setNext] = useState(/** @type {string | null} */ (firstPage(layer.id)));
  const [busy, setBusy] = useState(false);
  const [fault, setFault] = useState(/** @type {unknown} */ (null));
  const [version, setVersion] = useState(layer.version);
  const read = async (/** @type {string} */ first, /** @type {Feature[]} */ before, /** @type {number} */ least) => {
    setBusy(true);
    try {
      /** @type {string | null} */
      let address = first;
      let rows = before;
      while (address && (rows === before || rows.length < least)) {
        const page = await fetchPage(address);
        rows = [...rows, ...page.features];
        address = page.next;
      }
      setFeatures(rows);
      setNext(address);
      setFault(null);
    } catch (error) {
      setFault(error);
    }
    setBusy(false);
  };
  const more = () => (next && !busy ? read(next, features, 0) : undefined);
  const again = () => {
    setVersion(layer.version);
    void read(firstPage(layer.id), [], features.length); // as many rows as before: nobody loses his place
  };
  const show = (/** @type {Event} */ event, /** @type {string} */ id) => {
    if (!state.webgl || layer.geometry_type === "None") return; // there is no map, or nothing on it: the link leads to the feature
    event.preventDefault();
    store.set({ hits: [{ layer: layer.id, id }], chosen: 0, framing: true, mode: "map" });
  };
  useEffect(() => {
    void more();
  }, []);
  const columns = columnsOf(layer);
  return html`<div class="table-frame" aria-busy=${busy}>
    ${layer.version !== version && html`<p class="notice fresh" role="status">${t(language, "list.changed")}
      <button class="primary" disabled=${busy} onClick=${again}>${t(language, "list.again")}</button></p>`}
    <table>
      <thead><tr><th>${t(language, "panel.id")}</th>${columns.map((field) => html`<th title=${field.name}>${titleOf(language, field)}</th>`)}</tr></thead>
      <tbody>
        ${features.map(
          (feature) => html`<tr key=${feature.id}>
            <td><a href=${`${featurePath(layer.id, feature.id)}&lang=${language}`} onClick=${(/** @type {Event} */ event) => show(event, feature.id)}>${feature.id}</a></td>
            ${columns.map((field) => html`<td>${formatValue(language, field, feature.properties[field.name], state.map?.codes ?? {})}</td>`)}
          </tr>`,
        )}
      </tbody>
    </table>
    ${fault !== null && html`<p class="wrong" role="alert">${t(language, "list.error", { detail: formatError(language, fault) })}
      <button class="plain" onClick=${features.length ? more : again}>${t(language, "state.retry")}</button></p>`}
    ${!busy && fault === null && !features.length && html`<p class="soft">${t(language, "list.empty")}</p>`}
    ${next && html`<button class="primary" disabled=${busy} onClick=${more}>${t(language, busy ? "panel.loading" : "list.more")}</button>`}
  </div>`;
}

/**
 * The columns: the title or the name first, what the map shows, then the other fields that other layers do not have.
 * @param {Layer} layer
 */
export function columnsOf(layer) {
  const called = layer.fields.some((field) => field.name === "title") ? "title" : "name";
  const named = layer.fields.filter((field) => field.name === called);
  const own = layer.fields.filter((field) => !field.common && field.name !== called && field.type !== "json");
  const drawn = own.filter((field) => layer.tile_fields.includes(field.name));
  return [...new Set([...named, ...drawn, ...own])].slice(0, COLUMNS);
}
