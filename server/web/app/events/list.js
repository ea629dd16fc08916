// The rows of the list: only those that are seen are drawn; arrows move, Enter chooses.

import { html, useEffect, useRef, useState } from "../../vendor/preact.mjs";
import { t } from "../i18n.js";
import { placeAfter, useVirtual } from "../panels/virtual.js";
import { pass, pointAt } from "../state/pointed.js";
import { minute } from "../time/clock.js";
import { LAYER } from "./filters.js";
import { COLUMNS, Row } from "./row.js";

/** @typedef {import("../types.js").State} State */
/** @typedef {import("../types.js").Feature} Feature */

const ROW_PX = 34;
const AHEAD = 30; // rows before the end at which the next page is read

/** @param {{ state: State, feed: import("./feed.js").EventFeed, onChoose: (event: Feature) => void }} props */
export function List({ state, feed, onChoose }) {
  const frame = useRef(/** @type {HTMLElement | null} */ (null));
  const rows = feed.rows.value;
  const virtual = useVirtual(frame, rows, ROW_PX);
  const [active, setActive] = useState(/** @type {string | null} */ (null));
  const chosen = state.hits[state.chosen]?.layer === LAYER ? state.hits[state.chosen]?.id : undefined;
  useEffect(() => {
    const place = rows.findIndex(({ id }) => id === chosen);
    if (place >= 0) virtual.scrollToIndex(place, { align: "auto" });
    if (place >= 0) setActive(chosen ?? null);
  }, [chosen]);
  const items = virtual.getVirtualItems();
  const last = items.at(-1)?.index ?? 0;
  useEffect(() => {
    if (feed.hasMore && last >= rows.length - AHEAD) void feed.more();
  }, [last, rows.length]);
  const go = (/** @type {number} */ place) => {
    const event = rows[Math.max(0, Math.min(rows.length - 1, place))];
    if (!event) return;
    setActive(event.id);
    pointAt(event);
    virtual.scrollToIndex(rows.indexOf(event), { align: "auto" });
  };
  const place = rows.findIndex(({ id }) => id === active);
  const onKey = (/** @type {KeyboardEvent} */ event) => {
    const target = placeAfter(event.key, place, rows.length, frame.current, ROW_PX);
    if (target !== undefined) go(target);
    else if (event.key === "Enter" && rows[place]) onChoose(/** @type {Feature} */ (rows[place]));
    else return;
    event.preventDefault();
  };
  const point = (/** @type {Feature | null} */ event) => (event ? pointAt(event) : pass());
  const choose = (/** @type {Feature} */ event) => {
    setActive(event.id);
    onChoose(event);
  };
  const { language } = state;
  return html`<div class="events-grid" role="grid" tabindex="0" aria-label=${t(language, "events.title")} aria-rowcount=${rows.length + 1}
    aria-colcount=${COLUMNS.length} aria-busy=${feed.busy.value} aria-activedescendant=${place >= 0 ? `event-${active}` : undefined} onKeyDown=${onKey} onBlur=${pass}>
    <div class="event head" role="row" aria-rowindex="1">
      ${COLUMNS.map((name) => html`<span role="columnheader" class=${`cell cell-${name}`} key=${name}>${t(language, `events.column.${name}`)}</span>`)}
    </div>
    <div class="events-frame" role="presentation" ref=${frame}>
      <div class="events-rows" role="presentation" style=${{ height: `${rows.length * ROW_PX}px` }}>
        ${items.map(({ index }) => rows[index] && html`<${Row} key=${rows[index].id} state=${state} event=${rows[index]} index=${index} top=${index * ROW_PX} minute=${minute.value}
          active=${rows[index].id === active} chosen=${rows[index].id === chosen} onPoint=${point} onChoose=${choose} />`)}
      </div>
    </div>
  </div>`;
}
