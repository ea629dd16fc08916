// The legend on the map: what is in view, and so it is in every screenshot and print.

import { html, useMemo } from "../../vendor/preact.mjs";
import { formatNumber, t, titleOf } from "../i18n.js";
import { wordsOfClass } from "../map/classes.js";
import { HeatScale, colorsOf, heatOf } from "../map/heat.js";
import { legend } from "../map/style.js";
import { WatersLegend, waters } from "../measure/waters.js";
import { inView } from "../state/inview.js";
import { shaded } from "../state/shading.js";
import { warned } from "../state/warned.js";
import { layerOf, layersOn } from "../store.js";
import { Sign, counter, shapeOf } from "./swatch.js";

/** @typedef {import("../types.js").State} State */

/** @param {{ state: State }} props */
export function Legend({ state }) {
  const { language } = state;
  const notes = useMemo(() => legend(state.style), [state.style]);
  const shown = layersOn(state).reverse().filter(({ id }) => inView.value.has(id));
  if (!shown.length && !shaded.value && !waters.value && !warned.value.length) return null;
  const next = counter();
  return html`<details class="card legend" open>
    <summary>${t(language, "legend.title")}</summary>
    <dl><${Warned} state=${state} /><${Shaded} state=${state} next=${next} /><${WatersLegend} state=${state} />${shown.map((layer) => {
      const note = notes.get(layer.id);
      const shape = shapeOf(layer.geometry_type);
      const here = inView.value.get(layer.id)?.codes ?? new Set();
      const codes = (note?.codes ?? []).filter(({ code }) => here.has(code));
      return html`<div key=${layer.id}>
        <dt>${!codes.length && html`<${Sign} shape=${shape} color=${note?.color ?? layer.color} place=${next(shape)} />`}${titleOf(language, layer)}</dt>
        ${codes.map((code) => html`<dd key=${code.code}><${Sign} shape=${shape} color=${code.color} place=${next(shape)} />${titleOf(language, code, "label")}</dd>`)}
        ${(note?.marks ?? []).map((mark) => html`<dd key=${mark.sign}><span class=${`swatch point ${mark.sign}`} style=${{ "--color": note?.color }} aria-hidden="true" />${titleOf(language, mark)}</dd>`)}
      </div>`;
    })}</dl>
  </details>`;
}

/** The areas of warnings, once each colour. @param {{ state: State }} props */
function Warned({ state: { language, map } }) {
  const colors = new Map(warned.value.map(({ severity, color }) => [severity, color]));
  if (!colors.size) return null;
  const levels = map?.codes["event_severity"] ?? [];
  return html`<div><dt>${t(language, "legend.warned")}</dt>${[...colors].map(([severity, color]) => {
    const level = levels.find(({ code }) => code === severity);
    return html`<dd key=${severity}><span class="swatch hatched" style=${{ "--color": color }} aria-hidden="true" />${level ? titleOf(language, level, "label") : ""}</dd>`;
  })}</div>`;
}

/** What colours the ground: classes of areas, or heat. @param {{ state: State, next: ReturnType<typeof counter> }} props */
function Shaded({ state, next }) {
  const { language } = state;
  if (!shaded.value) return null;
  const { layer, ends } = shaded.value;
  const [title, colors] = [titleOf(language, layerOf(state, layer) ?? { id: layer }), colorsOf(state.style)];
  if (!ends) return html`<div><dt>${t(language, "shade.heat.of", { what: title })}</dt><dd><${HeatScale} language=${language} colors=${heatOf(state.style)} /></dd></div>`;
  return html`<div><dt>${t(language, "shade.areas.of", { what: title })}</dt>
    ${ends.map((end, place) => html`<dd key=${end}><${Sign} shape="area" color=${colors[place]} place=${next("area")} />${wordsOfClass(ends, place, (value) => formatNumber(language, value))}</dd>`)}</div>`;
}
