// What is printed: one sheet with title, map, legend, time and source, and what an incident's panel has found. It is made when
// the browser asks for it, in the same task: later it would not be on the paper.

import { html, render, useEffect, useRef } from "../../vendor/preact.mjs";
import { partIn } from "../i18n.js";
import { Report } from "../incident/report.js";
import { Sign } from "../panels/swatch.js";
import { addSheet } from "../sheets.js";
import { findings } from "../state/findings.js";
import { FOR_PAPER, legendInView, mapPicture, sourceText, titleText } from "./picture.js";

/** @typedef {import("../store.js").Store} Store */
/** @typedef {import("../types.js").State} State */

addSheet("css/print.css");
const [WIDTH_MM, BESIDE_FINDINGS_MM, ALONE_MM] = [190, 82, 200]; // of the map on paper, as in print.css

/** @param {{ store: Store }} props */
export function PrintedSheet({ store }) {
  useEffect(() => {
    const place = document.createElement("div");
    place.id = "sheet";
    document.body.append(place);
    const fill = () => {
      const state = store.get();
      if (state.mode !== "map") return;
      const picture = mapPicture(state, { withLegend: false, aspect: WIDTH_MM / (findings.value ? BESIDE_FINDINGS_MM : ALONE_MM) });
      if (picture) render(html`<${Sheet} state=${state} picture=${picture} />`, place);
    };
    const empty = () => render(null, place);
    addEventListener("beforeprint", fill);
    addEventListener("afterprint", empty);
    return () => {
      removeEventListener("beforeprint", fill);
      removeEventListener("afterprint", empty);
      place.remove();
    };
  }, []);
  return null;
}

/** @param {{ state: State, picture: HTMLCanvasElement }} props */
function Sheet({ state, picture }) {
  const found = findings.value;
  const entries = legendInView(state);
  return html`<article class="sheet" lang=${state.language}>
    <header><h1>${found ? found.title : titleText(state)}</h1><p>${found ? titleText(state) : ""}</p></header>
    <${Picture} canvas=${picture} />
    <ul class="sheet-legend">${entries.flatMap(({ title, rows }) => rows.map(({ color, text, shape, place, ring }) => html`<li key=${`${title}/${text}`}>
      ${ring ? html`<svg class="sign" viewBox="0 0 14 14" aria-hidden="true"><circle cx="7" cy="7" r="5.5" fill="none" stroke=${color} stroke-width="2.5" /></svg>`
        : html`<${Sign} shape=${shape} color=${color} place=${place} ground="#fff" filter=${state.theme === "dark" ? FOR_PAPER : ""} />`}${text === title ? text : `${title}：${text}`}</li>`))}</ul>
    ${found && html`<${Report} state=${state} found=${found} />`}
    <footer>${sourceText(state)}${state.account ? `  |  ${partIn(state.language, state.account.name)}` : ""}</footer>
  </article>`;
}

/** @param {{ canvas: HTMLCanvasElement }} props */
function Picture({ canvas }) {
  const frame = useRef(/** @type {HTMLElement | null} */ (null));
  canvas.className = "printed";
  const put = (/** @type {HTMLElement | null} */ element) => {
    frame.current = element;
    if (element && canvas.parentElement !== element) element.replaceChildren(canvas);
  };
  return html`<div class="sheet-map" ref=${put} />`;
}
