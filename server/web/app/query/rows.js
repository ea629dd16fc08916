// The rows of a layer in an area, the twin of the map for keyboards and readers of screens: sorted by the server, page by
// page, walked by arrows; a row leads to the map, and what is chosen on the map is marked among the rows.

import { html, useEffect, useLayoutEffect, useRef, useState } from "../../vendor/preact.mjs";
import { formatNumber, formatValue, t, titleOf } from "../i18n.js";
import { columnsOf } from "../panels/list.js";
import { placeAfter, useVirtual } from "../panels/virtual.js";
import { pass, pointAt } from "../state/pointed.js";
import { nameOf } from "../store.js";
import { faultText } from "./faults.js";
import { readNext, readRows } from "./read.js";

/** @typedef {import("../store.js").Store} Store */
/** @typedef {import("../types.js").State} State */
/** @typedef {import("../types.js").Layer} Layer */
/** @typedef {import("./read.js").RowsPage} RowsPage */

const ROW_PX = 30;
const HEAD_PX = 31;
const NAMES = ["name", "title"]; // the first column
const AHEAD = 25; // rows before the end at which the next page is read

/** @param {{ store: Store, state: State, layer: Layer, filter: string, version: string }} props */
export function Rows({ store, state, layer, filter, version }) {
  const { language } = state;
  const frame = /** @type {{ current: HTMLElement | null }} */ (useRef(null));
  const [sort, setSort] = useState("");
  const read = useRows(layer, filter, sort, version);
  const { page, busy, fault, more, again } = read;
  const direction = (/** @type {string} */ name) => (sort === name ? "ascending" : sort === `-${name}` ? "descending" : "none");
  const head = (/** @type {string} */ name, /** @type {string} */ title) => html`<th key=${name} aria-sort=${direction(name)}>
    <button onClick=${() => setSort(sort === name ? `-${name}` : name)}>${title}<i aria-hidden="true">${{ ascending: " ▲", descending: " ▼", none: "" }[direction(name)]}</i></button></th>`;
  const [called, columns] = [columnsOf(layer).find(({ name }) => NAMES.includes(name)), columnsOf(layer).filter(({ name }) => !NAMES.includes(name))];
  const first = called ? head(called.name, titleOf(language, called)) : head("id", t(language, "panel.id"));
  return html`<div class="rows" aria-busy=${busy} ref=${frame}>
    <table role="grid" aria-label=${titleOf(language, layer)} aria-rowcount=${page?.matched ?? -1}>
      <thead><tr aria-rowindex="1">${first}${columns.map((field) => head(field.name, titleOf(language, field)))}</tr></thead>
      ${page && html`<${Body} key=${`${filter} ${sort}`} store=${store} state=${state} layer=${layer} columns=${columns} frame=${frame} page=${page} onEnd=${more} />`}
    </table>
    ${fault !== null && html`<p class="wrong" role="alert">${faultText(language, fault)} <button class="plain" onClick=${again}>${t(language, "state.retry")}</button></p>`}
    ${busy && html`<p class="soft" role="status"><span class="spinner" />${t(language, "panel.loading")}</p>`}
    ${page && !page.features.length && html`<p class="soft">${t(language, "query.none")}</p>`}
    ${page && page.features.length > 0 && html`<p class="soft">${t(language, "query.shown", { n: page.features.length, all: page.matched === null ? "?" : formatNumber(language, page.matched) })}
      ${page.next && html`<button class="plain" disabled=${busy} onClick=${more}>${t(language, "list.more")}</button>`}</p>`}
  </div>`;
}

/**
 * The rows that are seen; arrows walk them, Enter shows one on the map, and what is chosen on the map is found here.
 * @param {{ store: Store, state: State, layer: Layer, columns: Layer["fields"], frame: { current: HTMLElement | null }, page: RowsPage, onEnd: () => void }} props
 */
function Body({ store, state, layer, columns, frame, page, onEnd }) {
  const { language } = state;
  const rows = page.features;
  const virtual = useVirtual(frame, rows, ROW_PX, HEAD_PX);
  const [active, setActive] = useState(0);
  const body = /** @type {{ current: HTMLElement | null }} */ (useRef(null));
  const walked = useRef(false); // the focus follows the keys, and nothing else takes it
  const hit = state.hits[state.chosen];
  const chosen = hit?.layer === layer.id ? hit.id : undefined;
  const items = virtual.getVirtualItems();
  const [first, last] = [items[0]?.index ?? 0, items.at(-1)?.index ?? -1];
  useEffect(() => {
    if (page.next && last >= rows.length - AHEAD && rows.length > 0 && virtual.scrollOffset) onEnd();
  }, [last, rows.length]);
  useEffect(() => {
    const place = rows.findIndex(({ id }) => id === chosen);
    if (place < 0 || walked.current) return; // whoever has pressed a key since is on his way
    setActive(place);
    virtual.scrollToIndex(place, { align: "auto" });
  }, [chosen]);
  useLayoutEffect(() => {
    const row = walked.current ? /** @type {HTMLElement | null | undefined} */ (body.current?.querySelector(`[aria-rowindex="${active + 2}"]`)) : null;
    if (!row || row === document.activeElement) return;
    row.focus({ preventScroll: true });
    walked.current = false;
  });
  const show = (/** @type {number} */ place) => {
    const one = rows[place];
    if (!one) return;
    setActive(place);
    pointAt(one, true);
    store.set({ hits: [{ layer: layer.id, id: one.id }], chosen: 0, framing: true, mode: "map" });
  };
  const onKey = (/** @type {KeyboardEvent} */ event) => {
    const target = placeAfter(event.key, active, rows.length, frame.current, ROW_PX);
    if (event.key === "Enter") show(active);
    else if (target === undefined) return;
    else {
      const place = Math.max(0, Math.min(rows.length - 1, target));
      walked.current = true;
      setActive(place);
      pointAt(rows[place]);
      virtual.scrollToIndex(place, { align: "auto" });
    }
    event.preventDefault();
  };
  const gap = (/** @type {number} */ count) => count > 0 && html`<tr aria-hidden="true" class="gap"><td colspan=${columns.length + 1} style=${{ height: `${count * ROW_PX}px` }} /></tr>`;
  const shown = Math.min(Math.max(active, first), Math.max(last, first)); // one row can be reached by Tab, also when the active one is not drawn
  return html`<tbody ref=${body} onKeyDown=${onKey} onBlur=${pass}>
    ${gap(first)}
    ${items.map(({ index }) => rows[index] && html`<tr key=${rows[index].id} aria-rowindex=${index + 2} tabindex=${index === shown ? 0 : -1} aria-selected=${rows[index].id === chosen}
      onMouseEnter=${() => pointAt(rows[index])} onMouseLeave=${pass} onFocus=${() => setActive(index)} onClick=${() => show(index)}>
      <td>${String(nameOf(layer, rows[index]) ?? rows[index].id)}</td>
      ${columns.map((field) => html`<td>${formatValue(language, field, rows[index]?.properties[field.name], state.map?.codes ?? {})}</td>`)}
    </tr>`)}
    ${gap(rows.length - 1 - last)}
  </tbody>`;
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
    readRows(layer, filter, sort)
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
