// The tab of events: filters, the list, what is new, and the chosen event beside it.

import { html, useEffect, useMemo, useRef } from "../../vendor/preact.mjs";
import { formatError, formatNumber, t } from "../i18n.js";
import { follow } from "../live.js";
import { addSheet } from "../sheets.js";
import { layerOf } from "../store.js";
import { pointAt } from "../state/pointed.js";
import { at } from "../state/time.js";
import { Detail } from "./detail.js";
import { EventFeed, fieldsOf } from "./feed.js";
import { LAYER, condition, isNarrowed, isOutside, widen } from "./filters.js";
import { List } from "./list.js";
import { learnNames } from "./places.js";
import { Toolbar } from "./toolbar.js";

/** @typedef {import("../store.js").Store} Store */
/** @typedef {import("../types.js").State} State */
/** @typedef {import("../types.js").Feature} Feature */

addSheet("css/events.css");
const SOON_MS = 100; // the first change after a rest is read soon
const [LEAST_MS, MOST_MS] = [300, 1000]; // those that follow are read together, a while after the reading before
const SHARE = 4; // that while is so many times as long as the reading took: a busy server is asked once a second
const TOLD_MS = 5000; // tiles that are drawn anew so long after the last told change changed by a load, or by hand

/** @param {{ store: Store, state: State }} props */
export default function EventsPanel({ store, state }) {
  const { language } = state;
  const layer = layerOf(state, LAYER);
  if (!layer) return html`<p class="notice" role="status">${t(language, "events.none")}</p>`;
  return html`<${Events} key=${state.account?.id ?? ""} store=${store} state=${state} layer=${layer} />`;
}

/** @param {{ store: Store, state: State, layer: import("../types.js").Layer }} props */
function Events({ store, state, layer }) {
  const { language } = state;
  const feed = useMemo(() => new EventFeed(), []);
  const filter = condition(state);
  const moment = at.value;
  useEffect(() => void learnNames(state), [state.account?.id]);
  useEffect(() => {
    void feed.ask({ filter, at: moment, fields: fieldsOf(layer) }, moment ? feed.rows.value.length : 0);
  }, [filter, moment]);
  useEffect(() => followEvents(feed), []);
  useEffect(() => () => pointAt(null), []);
  const hit = state.hits[state.chosen];
  const open = hit?.layer === LAYER ? hit.id : null;
  useEffect(() => (open ? undefined : pointAt(null)), [open]);
  const choose = (/** @type {Feature} */ event) => {
    store.set({ hits: [{ layer: LAYER, id: event.id }], chosen: 0, framing: true });
    pointAt(event, true);
  };
  return html`<div class=${`events ${open ? "with-detail" : ""}`}>
    <${Toolbar} state=${state}><${Standing} state=${state} feed=${feed} /></${Toolbar}>
    <${Fresh} state=${state} feed=${feed} />
    <div class="events-main"><${Body} state=${state} feed=${feed} onChoose=${choose} /></div>
    ${open && html`<${Detail} state=${state} id=${open} changes=${state.changes[LAYER] ?? 0} onClose=${() => store.set({ hits: [], chosen: 0 })} />`}
  </div>`;
}

/**
 * Patch the list as the stream tells of changes: one reading after the other, and none for events that are not listed.
 * @param {EventFeed} feed
 * @returns {() => void} stops it
 */
function followEvents(feed) {
  /** @type {Set<string>} */
  const changed = new Set();
  let gap = false;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let waiting;
  let [next, reading] = [0, false];
  const patch = async () => {
    const ids = gap ? null : new Set(changed);
    changed.clear();
    [waiting, gap, reading] = [undefined, false, true];
    const began = performance.now();
    await feed.patch(ids); // what goes wrong is said by the list
    reading = false;
    next = performance.now() + Math.min(MOST_MS, Math.max(LEAST_MS, SHARE * (performance.now() - began)));
    schedule();
  };
  const schedule = () => {
    if (reading || ended || !(gap || changed.size)) return;
    waiting ??= setTimeout(() => void patch(), Math.max(SOON_MS, next - performance.now()));
  };
  let ended = false;
  let told = 0;
  const stop = follow((news) => {
    if (news.changes.length) told = Date.now();
    gap ||= news.gap || (news.redrawn.length > 0 && Date.now() - told > TOLD_MS);
    for (const change of news.changes) if (!isOutside(change) || feed.has(change.id)) changed.add(change.id);
    schedule();
  }, [LAYER]);
  return () => {
    ended = true;
    stop();
    clearTimeout(waiting);
  };
}

/** @param {{ state: State, feed: EventFeed, onChoose: (event: Feature) => void }} props */
function Body({ state, feed, onChoose }) {
  const { language } = state;
  const [fault, ready, rows] = [feed.fault.value, feed.ready.value, feed.rows.value];
  const retry = html`<button class="primary" onClick=${() => feed.again()}>${t(language, "state.retry")}</button>`;
  if (!ready && fault === null) return html`<p class="notice" role="status"><span class="spinner" />${t(language, "panel.loading")}</p>`;
  if (!ready) return html`<p class="notice" role="alert">${t(language, "list.error", { detail: formatError(language, fault) })} ${retry}</p>`;
  if (!rows.length) {
    return html`<p class="notice" role="status">${t(language, "events.empty")}
      ${isNarrowed() && html`<button class="primary" onClick=${widen}>${t(language, "events.widen")}</button>`}</p>`;
  }
  return html`${feed.stale.value && html`<p class="stale-note" role="alert">${t(language, "events.stale", { detail: formatError(language, fault) })} ${retry}</p>`}
    <${List} state=${state} feed=${feed} onChoose=${onChoose} />`;
}

/** @param {{ state: State, feed: EventFeed }} props */
function Standing({ state: { language }, feed }) {
  const total = feed.total.value;
  if (total === null) return null;
  return html`<span class="events-total">${t(language, "events.total", { n: formatNumber(language, total) })}</span>`;
}

/**
 * New events are counted, and told politely; nothing moves before the reader wants them.
 * @param {{ state: State, feed: EventFeed }} props
 */
function Fresh({ state: { language }, feed }) {
  const button = useRef(/** @type {HTMLElement | null} */ (null));
  const n = feed.waiting.value.length;
  const show = () => {
    feed.reveal();
    /** @type {HTMLElement | null | undefined} */ (button.current?.closest(".events")?.querySelector(".events-frame"))?.scrollTo({ top: 0 });
  };
  return html`<div class="events-fresh" aria-live="polite" ref=${button}>
    ${n > 0 && html`<button onClick=${show}>▲ ${t(language, n === 1 ? "events.fresh.one" : "events.fresh", { n })}</button>`}
  </div>`;
}
