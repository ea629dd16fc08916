// The layer tree: groups with a search; for each layer a switch, its sign, how many are in view, and what can be done with it.

import { html, useEffect, useMemo, useState } from "../../vendor/preact.mjs";
import { formatNumber, t, titleOf } from "../i18n.js";
import { isNarrowed, widen } from "../events/filters.js";
import { legend } from "../map/style.js";
import { inView } from "../state/inview.js";
import { at } from "../state/time.js";
import { followTotals, totals } from "../state/totals.js";
import { isVisible } from "../store.js";
import { acquaint } from "../topics.js";
import { Icon } from "./icons.js";
import { LayerOptions } from "./layer-options.js";

/** @typedef {import("../store.js").Store} Store */
/** @typedef {import("../types.js").State} State */
/** @typedef {import("../types.js").Layer} Layer */
/** @typedef {import("../map/style.js").Note} Note */
/** @typedef {{ store: Store, state: State, zoom: number, notes: Map<string, Note> }} Around */

/** @param {{ store: Store, state: State, zoom: number }} props */
export function Layers({ store, state, zoom }) {
  const { language } = state;
  const [sought, setSought] = useState("");
  const layers = found(state, sought);
  useEffect(() => followTotals(store), []);
  const notes = useMemo(() => legend(state.style), [state.style]);
  const around = { store, state, zoom, notes };
  return html`<section id="layers" class="layers" tabindex="-1" aria-label=${t(language, "layers.title")}>
    <label class="seek"><${Icon} name="search" /><input type="search" value=${sought} placeholder=${t(language, "layers.seek")}
      aria-label=${t(language, "layers.seek")} onInput=${(/** @type {any} */ event) => setSought(event.currentTarget.value)} /></label>
    ${at.value && html`<p class="of-now">${t(language, "time.of_now.layers")}</p>`}
    ${[...grouped(layers).values()].map((group) => html`<${Group} around=${around} group=${group} sought=${sought} key=${group[0]?.group_zh} />`)}
    ${sought && !layers.length && html`<p class="soft nothing" role="status">${t(language, "layers.none", { text: sought })}</p>`}
  </section>`;
}

/**
 * Layers whose title or group holds a text; all for none. Layers of the theme come first in their groups.
 * @param {State} state
 * @param {string} sought
 */
function found(state, sought) {
  const text = sought.trim().toLowerCase();
  const all = state.map?.layers ?? [];
  return all.filter((layer) => [layer.id, layer.title_zh, layer.title_en, layer.group_zh, layer.group_en].some((one) => one.toLowerCase().includes(text)));
}

/**
 * Layers by group: new ones first, then what the theme shows, then the rest.
 * @param {Layer[]} layers
 * @returns {Map<string, Layer[]>}
 */
function grouped(layers) {
  /** @type {Map<string, Layer[]>} */
  const groups = new Map();
  for (const layer of layers) groups.set(layer.group_zh, [...(groups.get(layer.group_zh) ?? []), layer]);
  return groups;
}

/** @param {{ around: Around, group: Layer[], sought: string }} props */
function Group({ around, group, sought }) {
  const { language } = around.state;
  const [folded, setFolded] = useState(false);
  const open = !folded || sought !== "";
  const first = /** @type {Layer} */ (group[0]);
  const on = group.filter((layer) => isVisible(around.state, layer)).length;
  return html`<div class="group">
    <button class="group-title" aria-expanded=${open} onClick=${() => setFolded(!folded)}>
      <${Icon} name="chevron" />${titleOf(language, first, "group")} <small>${on}/${group.length}</small>
    </button>
    ${open && html`<ul>${group.map((layer) => html`<${Row} around=${around} layer=${layer} key=${layer.id} />`)}</ul>`}
  </div>`;
}

/** @param {{ around: Around, layer: Layer }} props */
function Row({ around, layer }) {
  const { store, state, zoom, notes } = around;
  const { language } = state;
  const [opened, setOpened] = useState(false);
  const seen = isVisible(state, layer);
  const hidden = at.value !== null && !layer.past;
  const title = titleOf(language, layer);
  const deeper = seen && zoom < layer.min_zoom && layer.count > 0;
  const note = notes.get(layer.id);
  const shape = layer.geometry_type.replace("Multi", "").toLowerCase();
  return html`<li class=${`row ${seen ? "" : "off"} ${deeper || !layer.count ? "faint" : ""}`} data-layer=${layer.id}>
    <button class="eye" aria-pressed=${seen} aria-label=${t(language, "layers.show", { layer: title })} disabled=${layer.geometry_type === "None" || hidden}
      onClick=${() => toggle(store, layer)}><${Icon} name=${seen ? "eye" : "eyeOff"} /></button>
    <span class=${`swatch ${shape}`} style=${{ "--color": note?.color ?? layer.color }} aria-hidden="true" />
    <span class="title" title=${title}>${title}
      ${hidden && html` <small>${t(language, "layers.live_only")}</small>`}
      ${deeper && html` <small>${t(language, "layers.zoom", { zoom: layer.min_zoom })}</small>`}</span>
    ${layer.id === "events" && seen && isNarrowed() && html`<button class="fresh-layer" title=${t(language, "layers.narrowed.why")} onClick=${widen}>${t(language, "layers.narrowed")} ×</button>`}
    ${state.fresh.has(layer.id) && html`<button class="fresh-layer" onClick=${() => show(store, layer)}>${t(language, "layers.new")}</button>`}
    <${Count} around=${around} layer=${layer} title=${title} seen=${seen} />
    <button class="explain" aria-expanded=${opened} aria-label=${t(language, "layers.options", { layer: title })}
      title=${t(language, "layers.options", { layer: title })} onClick=${() => setOpened(!opened)}><${Icon} name="chevron" /></button>
  </li>
  ${opened && html`<${LayerOptions} store=${store} state=${state} layer=${layer} note=${note} shape=${shape} />`}`;
}

/**
 * How many are in view, of how many; the list of all of them.
 * @param {{ around: Around, layer: Layer, title: string, seen: boolean }} props
 */
function Count({ around: { store, state }, layer, title, seen }) {
  const { language } = state;
  const then = totals.value.get(layer.id);
  const { count, exact } = then ?? { count: layer.count, exact: layer.count_exact };
  const all = layer.count || then ? formatNumber(language, count) + (exact ? "" : "+") : "–";
  const here = seen ? inView.value.get(layer.id)?.count : undefined;
  const label = t(language, "layers.list", { layer: title });
  return html`${here !== undefined && html`<span class="here" title=${t(language, "layers.here", { n: here })}>${formatNumber(language, here)}</span>`}
    <button class=${`count ${at.value && !then ? "now" : ""}`} title=${label} aria-label=${`${all} · ${label}`} disabled=${!layer.count}
      onClick=${() => store.set({ mode: "list", listed: layer.id })}>${all}</button>`;
}

/**
 * @param {Store} store
 * @param {Layer} layer
 */
function toggle(store, layer) {
  const { fresh, toggled: before } = store.get();
  if (fresh.has(layer.id)) return show(store, layer);
  const toggled = new Set(before);
  if (!toggled.delete(layer.id)) toggled.add(layer.id);
  store.set({ toggled });
}

/**
 * Switch a new layer on; from now on it is like any other.
 * @param {Store} store
 * @param {Layer} layer
 */
function show(store, layer) {
  const state = store.get();
  acquaint(layer.id, state.reader);
  const known = { ...state, fresh: new Set([...state.fresh].filter((id) => id !== layer.id)) };
  const toggled = new Set(state.toggled);
  if (!isVisible({ ...known, toggled }, layer) && !toggled.delete(layer.id)) toggled.add(layer.id);
  store.set({ fresh: known.fresh, toggled });
}
