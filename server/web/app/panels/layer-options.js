// What can be done with one layer: legend, opacity, order, zoom to it, this one only.

import { html } from "../../vendor/preact.mjs";
import { t, titleOf } from "../i18n.js";
import { area, viewedArea } from "../state/area.js";
import { queried } from "../state/queried.js";
import { isVisible, layersOn, opacityOf } from "../store.js";
import { topicOf } from "../topics.js";
import { Icon } from "./icons.js";

/** @typedef {import("../store.js").Store} Store */
/** @typedef {import("../types.js").State} State */
/** @typedef {import("../types.js").Layer} Layer */
/** @typedef {import("../map/style.js").Note} Note */

/** @param {{ store: Store, state: State, layer: Layer, note: Note | undefined, shape: string }} props */
export function LayerOptions({ store, state, layer, note, shape }) {
  const { language } = state;
  const title = titleOf(language, layer);
  const opacity = opacityOf(state, layer.id);
  const fade = (/** @type {any} */ event) => store.set({ opacities: { ...state.opacities, [layer.id]: Number(event.currentTarget.value) / 100 } });
  const button = (/** @type {string} */ key, /** @type {string} */ icon, /** @type {() => void} */ onClick, disabled = false) =>
    html`<button class="tool" title=${t(language, key)} aria-label=${t(language, "layers.do", { what: t(language, key), layer: title })} disabled=${disabled} onClick=${onClick}><${Icon} name=${icon} /></button>`;
  const on = layersOn(state).map(({ id }) => id);
  const at = on.indexOf(layer.id);
  return html`<li class="options">
    ${(note?.codes ?? []).map((code) => html`<span class="code" key=${code.code}>
      <span class=${`swatch ${shape}`} style=${{ "--color": code.color }} aria-hidden="true" />${titleOf(language, code, "label")}</span>`)}
    ${layer.geometry_type !== "None" && html`<div class="doing">
      <label>${t(language, "layers.opacity")} <input type="range" min="10" max="100" step="10" value=${Math.round(opacity * 100)} aria-label=${t(language, "layers.do", { what: t(language, "layers.opacity"), layer: title })} onInput=${fade} /></label>
      ${button("layers.up", "up", () => move(store, on, at, 1), at < 0 || at === on.length - 1)}
      ${button("layers.down", "down", () => move(store, on, at, -1), at < 1)}
      ${button("layers.frame", "frame", () => store.set({ frame: layer.bbox }), !layer.bbox)}
      ${button("layers.only", "only", () => only(store, layer))}
      ${button("layers.table", "list", () => table(store, layer))}
    </div>`}
    ${layer.geometry_type === "None" && layer.count > 0 && html`<div class="doing">${button("layers.table", "list", () => store.set({ listed: layer.id, mode: "list" }))}</div>`}
  </li>`;
}

/**
 * Show the features in view as a table, in the drawer.
 * @param {Store} store
 * @param {Layer} layer
 */
function table(store, layer) {
  area.value = viewedArea() ?? area.value;
  queried.value = layer.id;
  store.set({ tab: "query", mode: "map" });
}

/**
 * Draw a layer above its neighbour, or below.
 * @param {Store} store
 * @param {string[]} on  ids of the layers that are on, the lowest first
 * @param {number} at  of the layer
 * @param {1 | -1} by
 */
function move(store, on, at, by) {
  const order = [...on];
  const [id = "", other = ""] = [order[at], order[at + by]];
  order[at] = other;
  order[at + by] = id;
  store.set({ order });
}

/**
 * Switch all others off, but for what the theme stands on.
 * @param {Store} store
 * @param {Layer} layer
 */
function only(store, layer) {
  const state = store.get();
  const base = topicOf(state)?.base ?? [];
  const toggled = new Set(state.toggled);
  for (const one of state.map?.layers ?? []) {
    const wanted = one.id === layer.id;
    if (base.includes(one.id) && !wanted) continue;
    if (isVisible({ ...state, toggled }, one) !== wanted && !toggled.delete(one.id)) toggled.add(one.id);
  }
  store.set({ toggled });
}
