// The alternative to the map, for readers who cannot see it or lack WebGL: a layer as a table, page by page.

import { html, useEffect, useState } from "../../vendor/preact.mjs";
import { featurePath, fetchPage, firstPage } from "../api.js";
import { formatNumber, formatValue, t, titleOf } from "../i18n.js";
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
  return html`<main class="list" aria-label=${t(language, "list.title")}>
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
    ${layer && html`<${Table} state=${state} layer=${layer} key=${`${layer.id}:${layer.version}:${state.account?.id ?? ""}`} />`}
  </main>`;
}

/** @param {{ state: State, layer: Layer }} props */
function Table({ state, layer }) {
  const { language } = state;
  const [features, setFeatures] = useState(/** @type {Feature[]} */ ([]));
  const [next, setNext] = useState(/** @type {string | null} */ (firstPage(layer.id)));
  const [busy, setBusy] = useState(false);
  const [detail, setDetail] = useState("");
  const more = async () => {
    if (!next || busy) return;
    setBusy(true);
    try {
      const page = await fetchPage(next);
      setFeatures((before) => [...before, ...page.features]);
      setNext(page.next);
      setDetail("");
    } catch (error) {
      setDetail(/** @type {Error} */ (error).message);
    }
    setBusy(false);
  };
  useEffect(() => {
    more();
  }, []);
  const columns = columnsOf(layer);
  return html`<div class="table-frame" aria-busy=${busy}>
    <table>
      <thead><tr><th>${t(language, "panel.id")}</th>${columns.map((field) => html`<th title=${field.name}>${titleOf(language, field)}</th>`)}</tr></thead>
      <tbody>
        ${features.map(
          (feature) => html`<tr key=${feature.id}>
            <td><a href=${`${featurePath(layer.id, feature.id)}&lang=${language}`}>${feature.id}</a></td>
            ${columns.map((field) => html`<td>${formatValue(language, field, feature.properties[field.name], state.map?.codes ?? {})}</td>`)}
          </tr>`,
        )}
      </tbody>
    </table>
    ${detail && html`<p class="wrong" role="alert">${t(language, "state.error", { detail })}</p>`}
    ${!busy && !detail && !features.length && html`<p class="soft">${t(language, "list.empty")}</p>`}
    ${next && html`<button class="primary" disabled=${busy} onClick=${more}>${t(language, busy ? "panel.loading" : "list.more")}</button>`}
  </div>`;
}

/**
 * The columns: the name first, then the fields that other layers do not have.
 * @param {Layer} layer
 */
function columnsOf(layer) {
  const named = layer.fields.filter((field) => field.name === "name");
  const own = layer.fields.filter((field) => !field.common && field.name !== "name" && field.type !== "json");
  return [...named, ...own].slice(0, COLUMNS);
}
