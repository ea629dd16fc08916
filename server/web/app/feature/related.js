// What a feature has to do with others: where it lies, what happens there, who sees it, who answers for it.

import { html } from "../../vendor/preact.mjs";
import { formatError, formatNumber, spokenPost, t } from "../i18n.js";
import { at } from "../state/time.js";
import { readRelated, useRead } from "./read.js";

/** @typedef {import("../store.js").Store} Store */
/** @typedef {import("../types.js").State} State */
/** @typedef {import("./read.js").Related} Related */
/** @typedef {import("./read.js").RelatedFeature} RelatedFeature */

const FIRST = 5;
/** @type {readonly ["district" | "street" | "community" | "grid", string][]} */
const TIERS = [["district", "districts"], ["street", "streets"], ["community", "communities"], ["grid", "grids"]];

/** @param {{ store: Store, state: State, hit: import("../types.js").Hit }} props */
export function Relations({ store, state, hit }) {
  const { language } = state;
  const { value, error, again } = useRead(() => readRelated(hit), [hit.layer, hit.id, at.value, state.account?.id ?? "", state.changes["events"] ?? 0]);
  if (error) return html`<p class="soft" role="status">${t(language, "related.error", { detail: formatError(language, error) })} <button class="plain" onClick=${again}>${t(language, "state.retry")}</button></p>`;
  if (!value) return html`<p class="soft" aria-busy="true">${t(language, "panel.loading")}</p>`;
  const open = (/** @type {string} */ layer, /** @type {string} */ id) => () => store.set({ hits: [{ layer, id }], chosen: 0, framing: true });
  const areas = TIERS.flatMap(([tier, layer]) => (value[tier] && hit.layer !== layer ? [{ layer, id: value[tier].code, name: value[tier].name }] : []));
  const others = [...value.urban_villages.map((one) => ({ ...one, layer: "urban_villages" })), ...(value.waterway ? [{ ...value.waterway, layer: "waterways" }] : [])];
  const lies = [...areas, ...others.filter(({ id }) => id !== hit.id)];
  return html`<section class="related" aria-label=${t(language, "related.title")}>
    ${at.value && html`<p class="of-now">${t(language, "time.of_now.related")}</p>`}
    ${lies.length > 0 && html`<p class="lies"><b>${t(language, "related.lies")}</b> ${lies.map(({ layer, id, name }) => html`<button class="link" key=${id} onClick=${open(layer, id)}>${name ?? id}</button>`)}</p>`}
    <${Listed} language=${language} title="related.events" rows=${value.events} open=${open} />
    <${Listed} language=${language} title="related.cameras" rows=${value.cameras} open=${open} />
    <${Chain} language=${language} rungs=${value.responsible} />
    ${!value.complete && html`<p class="soft">${t(language, "related.more")}</p>`}
  </section>`;
}

/** @param {{ language: import("../types.js").Language, title: string, rows: RelatedFeature[], open: (layer: string, id: string) => () => void }} props */
function Listed({ language, title, rows, open }) {
  if (!rows.length) return null;
  const row = (/** @type {RelatedFeature} */ { layer, id, name, relation, distance_m: distance }) => html`<li key=${id}><button class="link" onClick=${open(layer, id)}>${name ?? id}</button>
    <small>${t(language, `related.${relation}`)}${distance === null || distance === undefined ? "" : ` · ${formatNumber(language, Math.round(distance))} m`}</small></li>`;
  return html`<details open><summary>${t(language, title, { n: rows.length })}</summary>
    <ul>${rows.slice(0, FIRST).map(row)}</ul>
    ${rows.length > FIRST && html`<details><summary>${t(language, "related.others", { n: rows.length - FIRST })}</summary><ul>${rows.slice(FIRST).map(row)}</ul></details>`}
  </details>`;
}

/** @param {{ language: import("../types.js").Language, rungs: import("./read.js").Rung[] }} props */
function Chain({ language, rungs }) {
  if (!rungs.length) return null;
  return html`<details open><summary>${t(language, "related.chain")}</summary>
    <ol class="chain">${rungs.map(({ level, responsible }) => {
      const one = responsible[0];
      const shift = one?.on_duty[0];
      const phone = shift?.phone ?? shift?.duty_phone ?? one?.phone ?? one?.duty_phone;
      return one && html`<li key=${level}><small>${t(language, `level.${level}`)}</small>
        <div><span>${[one.org_name, spokenPost(one.post), shift?.person ?? one.person ?? one.name].filter(Boolean).join(" · ")}</span>
        ${shift && html`<em>${t(language, "related.duty")}</em>`}
        ${phone && (/[*]/.test(phone) ? html`<span>${phone}</span>` : html`<a href=${`tel:${phone}`}>${phone}</a>`)}</div></li>`;
    })}</ol></details>`;
}
