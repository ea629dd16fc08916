// The clicked features: all at the clicked point, one of them open with its fields.

import { html, useEffect, useState } from "../../vendor/preact.mjs";
import { featurePath, fetchFeature } from "../api.js";
import { formatError, formatValue, t, titleOf } from "../i18n.js";
import { layerOf, nameOf } from "../store.js";
import { Icon } from "./icons.js";

/** @typedef {import("../store.js").Store} Store */
/** @typedef {import("../types.js").State} State */
/** @typedef {import("../types.js").Feature} Feature */
/** @typedef {import("../types.js").Field} Field */
/** @typedef {import("../types.js").Hit} Hit */

/** @typedef {{ feature: Feature } | { error: unknown } | null} Answer  null while loading */

/** @param {{ store: Store, state: State, onFeature: (feature: Feature | null) => void }} props */
export function FeaturePanel({ store, state, onFeature }) {
  const { language, hits } = state;
  const close = () => store.set({ hits: [], chosen: 0 });
  useEffect(() => {
    const onKey = (/** @type {KeyboardEvent} */ event) => event.key === "Escape" && close();
    addEventListener("keydown", onKey);
    return () => removeEventListener("keydown", onKey);
  }, []);
  return html`<aside class="card feature" aria-label=${t(language, "panel.hits", { n: hits.length })}>
    <div class="head">
      <span>${t(language, "panel.hits", { n: hits.length })}</span>
      <button class="tool" aria-label=${t(language, "panel.close")} onClick=${close}><${Icon} name="close" /></button>
    </div>
    <div class="hits">
      ${hits.map(
        (hit, at) => html`<${HitCard}
          key=${`${hit.layer}/${hit.id}`}
          state=${state}
          hit=${hit}
          open=${at === state.chosen}
          onOpen=${() => store.set({ chosen: at })}
          onFeature=${onFeature}
        />`,
      )}
    </div>
  </aside>`;
}

/** @param {{ state: State, hit: Hit, open: boolean, onOpen: () => void, onFeature: (feature: Feature | null) => void }} props */
function HitCard({ state, hit, open, onOpen, onFeature }) {
  const { language } = state;
  const layer = layerOf(state, hit.layer);
  const answer = useFeature(hit, state.account?.id ?? "", open ? state.changes[hit.layer] ?? 0 : 0);
  const feature = answer && "feature" in answer ? answer.feature : null;
  useEffect(() => {
    if (open && feature) onFeature(feature);
  }, [open, feature]);
  const name = nameOf(layer, feature) ?? hit.id;
  return html`<article class=${open ? "hit open" : "hit"}>
    <button class="hit-title" aria-expanded=${open} onClick=${onOpen}>
      <span class="dot" style=${{ "--color": layer?.color }} aria-hidden="true" />
      <strong>${String(name)}</strong><small>${layer ? titleOf(language, layer) : hit.layer}</small>
    </button>
    ${open && html`<${Details} state=${state} hit=${hit} answer=${answer} />`}
  </article>`;
}

/**
 * A feature, read again whenever its layer changes; what was read stays until the new answer is there.
 * @param {Hit} hit
 * @param {string} reader  who is logged in
 * @param {number} changes  of the layer, as often as the stream told of one
 * @returns {Answer}
 */
function useFeature(hit, reader, changes) {
  const [answer, setAnswer] = useState(/** @type {Answer} */ (null));
  useEffect(() => {
    let mounted = true;
    fetchFeature(hit.layer, hit.id).then(
      (feature) => mounted && setAnswer({ feature }),
      (error) => mounted && setAnswer({ error }),
    );
    return () => {
      mounted = false;
    };
  }, [hit.layer, hit.id, reader, changes]);
  return answer;
}

/** @param {{ state: State, hit: Hit, answer: Answer }} props */
function Details({ state, hit, answer }) {
  const { language } = state;
  if (!answer) return html`<p class="soft" aria-busy="true">${t(language, "panel.loading")}</p>`;
  if ("error" in answer) {
    return html`<p class="wrong" role="alert">${t(language, "panel.missing", { detail: formatError(language, answer.error) })}</p>`;
  }
  const fields = layerOf(state, hit.layer)?.fields ?? [];
  const isAbout = (/** @type {Field} */ field) => (field.common && field.name !== "name") || field.type === "json";
  const about = fields.filter(isAbout);
  const own = fields.filter((field) => !isAbout(field));
  const path = `${featurePath(hit.layer, hit.id)}&lang=${language}`;
  return html`<div class="details">
    <${Rows} state=${state} fields=${own} feature=${answer.feature} />
    <details><summary>${t(language, "panel.metadata")}</summary><${Rows} state=${state} fields=${about} feature=${answer.feature} /></details>
    <div class="foot">
      <${CopyId} state=${state} id=${hit.id} />
      <a href=${path} target="_blank" rel="noopener">${t(language, "panel.open")} ↗</a>
    </div>
  </div>`;
}

/** @param {{ state: State, fields: Field[], feature: Feature }} props */
function Rows({ state, fields, feature }) {
  const { language, map } = state;
  const rows = fields.flatMap((field) => {
    const value = formatValue(language, field, feature.properties[field.name], map?.codes ?? {});
    return value === null ? [] : [{ field, value }];
  });
  return html`<dl>
    ${rows.map(
      ({ field, value }) => html`<div key=${field.name}>
        <dt title=${field.name}>${titleOf(language, field)}</dt>
        <dd title=${field.masked ? t(language, "panel.masked") : undefined}>${value}</dd>
      </div>`,
    )}
  </dl>`;
}

/** @param {{ state: State, id: string }} props */
function CopyId({ state, id }) {
  const [copied, setCopied] = useState(false);
  const copy = () => navigator.clipboard?.writeText(id).then(() => setCopied(true), () => setCopied(false));
  return html`<button class="copy" aria-label=${t(state.language, "panel.copy")} onClick=${copy}>
    <code>${id}</code><${Icon} name="copy" />${copied && html`<span role="status">${t(state.language, "panel.copied")}</span>`}
  </button>`;
}
