// The layer list: groups; for each layer a switch, a colour and the number of visible features.

import { html, useMemo, useState } from "../../vendor/preact.mjs";
import { formatNumber, t, titleOf } from "../i18n.js";
import { legend } from "../map/style.js";
import { isVisible } from "../store.js";
import { Icon } from "./icons.js";

/** @typedef {import("../store.js").Store} Store */
/** @typedef {import("../types.js").State} State */
/** @typedef {import("../types.js").Layer} Layer */
/** @typedef {import("../map/style.js").Note} Note */

/** @param {{ store: Store, state: State, zoom: number }} props */
export function Layers({ store, state, zoom }) {
  const layers = state.map?.layers ?? [];
  const groups = grouped(layers);
  const notes = useMemo(() => legend(state.style), [state.style]);
  return html`<section id="layers" class="layers" tabindex="-1" aria-label=${t(state.language, "layers.title")}>
    ${[...groups.values()].map((group) => html`<${Group} store=${store} state=${state} zoom=${zoom} group=${group} notes=${notes} key=${group[0]?.group_zh} />`)}
  </section>`;
}

/**
 * @param {Layer[]} layers
 * @returns {Map<string, Layer[]>}
 */
function grouped(layers) {
  /** @type {Map<string, Layer[]>} */
  const groups = new Map();
  for (const layer of layers) groups.set(layer.group_zh, [...(groups.get(layer.group_zh) ?? []), layer]);
  return groups;
}

/** @param {{ store: Store, state: State, zoom: number, group: Layer[], notes: Map<string, Note> }} props */
function Group({ store, state, zoom, group, notes }) {
  const [open, setOpen] = useState(true);
  const first = /** @type {Layer} */ (group[0]);
  return html`<div class="group">
    <button class="group-title" aria-expanded=${open} onClick=${() => setOpen(!open)}>
      <${Icon} name="chevron" />${titleOf(state.language, first, "group")}
    </button>
    ${open && html`<ul>${group.map((layer) => html`<${Row} store=${store} state=${state} zoom=${zoom} layer=${layer} note=${notes.get(layer.id)} key=${layer.id} />`)}</ul>`}
  </div>`;
}

/** @param {{ store: Store, state: State, zoom: number, layer: Layer, note: Note | undefined }} props */
function Row({ store, state, zoom, layer, note }) {
  const { language } = state;
  const [explained, setExplained] = useState(false);
  const codes = note?.codes ?? [];
  const seen = isVisible(state, layer);
  const title = titleOf(language, layer);
  const deeper = seen && zoom < layer.min_zoom && layer.count > 0;
  const toggle = () => {
    const toggled = new Set(state.toggled);
    if (!toggled.delete(layer.id)) toggled.add(layer.id);
    store.set({ toggled });
  };
  const swatch = layer.geometry_type.replace("Multi", "").toLowerCase();
  return html`<li class=${`row ${seen ? "" : "off"} ${deeper || !layer.count ? "faint" : ""}`} data-layer=${layer.id}>
    <button class="eye" aria-pressed=${seen} aria-label=${t(language, "layers.show", { layer: title })} onClick=${toggle}>
      <${Icon} name=${seen ? "eye" : "eyeOff"} />
    </button>
    <span class=${`swatch ${swatch}`} style=${{ "--color": note?.color ?? layer.color }} aria-hidden="true" />
    <span class="title" title=${deeper ? t(language, "layers.zoom", { zoom: layer.min_zoom }) : title}>${title}</span>
    ${codes.length > 0 && html`<button class="explain" aria-expanded=${explained} aria-label=${t(language, "layers.legend", { layer: title })}
      title=${t(language, "layers.legend", { layer: title })} onClick=${() => setExplained(!explained)}><${Icon} name="chevron" /></button>`}
    <button
      class="count"
      title=${t(language, "layers.list", { layer: title })}
      aria-label=${`${layer.count} · ${t(language, "layers.list", { layer: title })}`}
      disabled=${!layer.count}
      onClick=${() => store.set({ mode: "list", listed: layer.id })}
    >
      ${layer.count ? formatNumber(language, layer.count) + (layer.count_exact ? "" : "+") : "–"}
    </button>
  </li>
  ${explained && codes.map((code) => html`<li class="code" key=${code.code}>
    <span class=${`swatch ${swatch}`} style=${{ "--color": code.color }} aria-hidden="true" />${titleOf(language, code, "label")}
  </li>`)}`;
}
