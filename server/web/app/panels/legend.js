// The legend on the map: what is in view, and so it is in every screenshot and print.

import { html, useMemo } from "../../vendor/preact.mjs";
import { t, titleOf } from "../i18n.js";
import { legend } from "../map/style.js";
import { inView } from "../state/inview.js";
import { layersOn } from "../store.js";

/** @typedef {import("../types.js").State} State */

/** @param {{ state: State }} props */
export function Legend({ state }) {
  const { language } = state;
  const notes = useMemo(() => legend(state.style), [state.style]);
  const shown = layersOn(state).reverse().filter(({ id }) => inView.value.has(id));
  if (!shown.length) return null;
  return html`<details class="card legend" open>
    <summary>${t(language, "legend.title")}</summary>
    <dl>${shown.map((layer) => {
      const note = notes.get(layer.id);
      const shape = layer.geometry_type.replace("Multi", "").toLowerCase();
      const here = inView.value.get(layer.id)?.codes ?? new Set();
      const codes = (note?.codes ?? []).filter(({ code }) => here.has(code));
      return html`<div key=${layer.id}>
        <dt>${!codes.length && html`<span class=${`swatch ${shape}`} style=${{ "--color": note?.color ?? layer.color }} aria-hidden="true" />`}${titleOf(language, layer)}</dt>
        ${codes.map((code) => html`<dd key=${code.code}><span class=${`swatch ${shape}`} style=${{ "--color": code.color }} aria-hidden="true" />${titleOf(language, code, "label")}</dd>`)}
        ${(note?.marks ?? []).map((mark) => html`<dd key=${mark.sign}><span class=${`swatch point ${mark.sign}`} style=${{ "--color": note?.color }} aria-hidden="true" />${titleOf(language, mark)}</dd>`)}
      </div>`;
    })}</dl>
  </details>`;
}
