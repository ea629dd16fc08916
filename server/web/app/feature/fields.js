// The fields of a feature: its own, those about the data, and last everything as the server sent it.

import { html } from "../../vendor/preact.mjs";
import { formatValue, t, titleOf } from "../i18n.js";
import { accompanies } from "./live-values.js";

/** @typedef {import("../types.js").State} State */
/** @typedef {import("../types.js").Field} Field */
/** @typedef {import("../types.js").Feature} Feature */

/** @param {{ state: State, layer: import("../types.js").Layer | undefined, feature: Feature }} props */
export function Fields({ state, layer, feature }) {
  const { language } = state;
  const isAbout = (/** @type {Field} */ field) => (field.common && field.name !== "name") || field.type === "json";
  const rest = (layer?.fields ?? []).filter((field) => !field.live);
  const kept = (layer?.fields ?? []).filter((field) => field.live && accompanies(field));
  return html`<section aria-label=${t(language, "panel.fields")}>
    <${Rows} state=${state} fields=${rest.filter((field) => !isAbout(field))} feature=${feature} />
    <details><summary>${t(language, "panel.metadata")}</summary>
      <${Rows} state=${state} fields=${[...kept, ...rest.filter(isAbout)]} feature=${feature} /></details>
    <details><summary>${t(language, "panel.raw")}</summary>
      <pre>${JSON.stringify({ id: feature.id, ...feature.properties }, null, 1)}</pre></details>
  </section>`;
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
