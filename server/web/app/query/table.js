// A layer as a table that follows the map: what is in view, read again after each move and as the stream tells of changes.
// Who walks in the table keeps his rows while the map moves, and is told so.

import { html, useEffect, useRef, useState } from "../../vendor/preact.mjs";
import { condition } from "../events/filters.js";
import { t, titleOf } from "../i18n.js";
import { addSheet } from "../sheets.js";
import { viewedArea } from "../state/area.js";
import { shownMap } from "../state/map.js";
import { queried } from "../state/queried.js";
import { at } from "../state/time.js";
import { layerOf, layersOn } from "../store.js";
import { topicOf } from "../topics.js";
import { predicateOf } from "./predicate.js";
import { Rows } from "./rows.js";

/** @typedef {import("../store.js").Store} Store */
/** @typedef {import("../types.js").State} State */
/** @typedef {import("../types.js").Layer} Layer */
/** @typedef {import("../state/area.js").BoxArea} BoxArea */

const EVENTS = "events";
addSheet("css/query.css");

/** @param {{ store: Store, state: State }} props */
export default function MapTable({ store, state }) {
  const { language } = state;
  const frame = /** @type {{ current: HTMLElement | null }} */ (useRef(null));
  const { box, moved, catchUp } = useView(frame);
  const on = layersOn(state).filter((layer) => layer.geometry_type !== "None" && layer.bbox !== null);
  const layer = on.find(({ id }) => id === queried.value) ?? on.find(({ id }) => id === EVENTS) ?? on.find(({ geometry_type: type }) => type === "Point") ?? on[0];
  if (!layer || !box) return html`<p class="panel-empty soft">${t(language, box ? "table.nothing" : "table.nomap")}</p>`;
  const choose = (/** @type {Event} */ event) => (queried.value = /** @type {HTMLSelectElement} */ (event.target).value);
  return html`<section class="query map-table" aria-label=${t(language, "tab.table")}>
    <div class="chosen" ref=${frame} onFocusOut=${(/** @type {FocusEvent} */ event) => frame.current?.contains(/** @type {Node | null} */ (event.relatedTarget)) || catchUp()}>
      <div class="panel-head">
        <label>${t(language, "list.choose")} <select value=${layer.id} onChange=${choose}>
          ${on.map((one) => html`<option key=${one.id} value=${one.id} selected=${one === layer}>${titleOf(language, one)}</option>`)}</select></label>
        <span class="soft" role="status">${t(language, moved ? "table.moved" : "table.follows")}</span>
        ${moved && html`<button class="small" onClick=${catchUp}>${t(language, "list.again")}</button>`}
      </div>
      <${Rows} key=${layer.id} store=${store} state=${state} layer=${layer} filter=${filterOf(state, layer, box)} version=${`${at.value ?? ""} ${state.changes[layer.id] ?? 0}`} />
    </div>
  </section>`;
}

/**
 * What the map shows of a layer: in view, under the conditions of the theme and of the list of events.
 * @param {State} state
 * @param {Layer} layer
 * @param {BoxArea} box
 */
function filterOf(state, layer, box) {
  const shown = layer.id === EVENTS ? condition(state) : topicOf(state)?.layers.find(({ id }) => id === layer.id)?.filter;
  return [predicateOf(box, layer, null), ...(shown ? [`(${shown})`] : [])].join(" AND ");
}

/**
 * What the map shows after each move; while the focus is among the rows they stay, and `moved` says so.
 * @param {{ current: HTMLElement | null }} frame
 */
function useView(frame) {
  const map = shownMap.value;
  const [box, setBox] = useState(viewedArea);
  const [moved, setMoved] = useState(false);
  const catchUp = () => {
    setMoved(false);
    setBox(viewedArea());
  };
  useEffect(() => {
    if (!map) return;
    const follow = () => (frame.current?.querySelector("tbody")?.contains(document.activeElement) ? setMoved(true) : catchUp());
    follow();
    map.on("moveend", follow);
    return () => void map.off("moveend", follow);
  }, [map]);
  return { box, moved, catchUp };
}
