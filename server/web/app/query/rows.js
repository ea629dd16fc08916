// The rows of a layer in an area: sorted by a click on a column's head, page by page; a row leads to the map.

import { html, useEffect, useState } from "../../vendor/preact.mjs";
import { formatNumber, formatValue, t, titleOf } from "../i18n.js";
import { columnsOf } from "../panels/list.js";
import { nameOf } from "../store.js";
import { faultText } from "./faults.js";
import { readNext, readRows } from "./read.js";

/** @typedef {import("../store.js").Store} Store */
/** @typedef {import("../types.js").State} State */
/** @typedef {import("../types.js").Layer} Layer */
/** @typedef {import("./read.js").RowsPage} RowsPage */

/** @param {{ store: Store, state: State, layer: Layer, filter: string, version: string }} props */
export function Rows({ store, state, layer, filter, version }) {
  const { language } = state;
  const [sort, setSort] = useState("");
  const { page, busy, fault, more, again } = useRows(layer, filter, sort, version);
  const selected = state.hits[state.chosen];
  const columns = columnsOf(layer).filter(({ name }) => name !== "name" && name !== "title");
  const direction = (/** @type {string} */ name) => (sort === name ? "ascending" : sort === `-${name}` ? "descending" : "none");
  const head = (/** @type {string} */ name, /** @type {string} */ title) => html`<th key=${name} aria-sort=${direction(name)}>
    <button onClick=${() => setSort(sort === name ? `-${name}` : name)}>${title}<i aria-hidden="true">${{ ascending: " ▲", descending: " ▼", none: "" }[direction(name)]}</i></button></th>`;
  const show = (/** @type {string} */ id) => store.set({ hits: [{ layer: layer.id, id }], chosen: 0, framing: true, mode: "map" });
  return html`<div class="rows" aria-busy=${busy}>
    ${page && html`<table>
      <thead><tr>${head("id", t(language, "panel.id"))}${columns.map((field) => head(field.name, titleOf(language, field)))}</tr></thead>
      <tbody>${page.features.map((feature) => html`<tr key=${feature.id} aria-selected=${selected?.id === feature.id && selected.layer === layer.id}>
        <td><button class="link" onClick=${() => show(feature.id)}>${String(nameOf(layer, feature) ?? feature.id)}</button></td>
        ${columns.map((field) => html`<td>${formatValue(language, field, feature.properties[field.name], state.map?.codes ?? {})}</td>`)}
      </tr>`)}</tbody></table>`}
    ${fault !== null && html`<p class="wrong" role="alert">${faultText(language, fault)} <button class="plain" onClick=${again}>${t(language, "state.retry")}</button></p>`}
    ${busy && html`<p class="soft" role="status"><span class="spinner" />${t(language, "panel.loading")}</p>`}
    ${page && !page.features.length && html`<p class="soft">${t(language, "query.none")}</p>`}
    ${page && page.features.length > 0 && html`<p class="soft">${t(language, "query.shown", { n: page.features.length, all: page.matched === null ? "?" : formatNumber(language, page.matched) })}
      ${page.next && html`<button class="plain" disabled=${busy} onClick=${more}>${t(language, "list.more")}</button>`}</p>`}
  </div>`;
}

/**
 * @param {Layer} layer
 * @param {string} filter
 * @param {string} sort
 * @param {string} version  changes when the rows are to be read again
 */
function useRows(layer, filter, sort, version) {
  const [page, setPage] = useState(/** @type {RowsPage | null} */ (null));
  const [busy, setBusy] = useState(true);
  const [fault, setFault] = useState(/** @type {unknown} */ (null));
  const [tries, setTries] = useState(0);
  useEffect(() => {
    let current = true;
    setBusy(true);
    setFault(null);
    readRows(layer.id, filter, sort)
      .then((read) => current && setPage(read), (error) => current && setFault(error))
      .then(() => current && setBusy(false));
    return () => {
      current = false;
    };
  }, [filter, sort, version, tries]);
  const more = async () => {
    if (!page?.next || busy) return;
    setBusy(true);
    try {
      const next = await readNext(page.next);
      setPage({ ...next, matched: next.matched ?? page.matched, features: [...page.features, ...next.features] });
    } catch (error) {
      setFault(error);
    }
    setBusy(false);
  };
  return { page, busy, fault, more: () => void more(), again: () => setTries(tries + 1) };
}
