// The strip across the top of the board: where, what warns, how old the numbers are, and the tour.

import { html } from "../../vendor/preact.mjs";
import { formatError, t, titleOf } from "../i18n.js";
import { Icon } from "../panels/icons.js";
import { TopicSwitch } from "../panels/topic.js";
import { areaCode, askOverview, overview, showArea } from "../state/overview.js";
import { at } from "../state/time.js";
import { now } from "../time/clock.js";
import { dayAndTime } from "../time/words.js";
import { clock } from "./figures.js";

/** @typedef {import("../types.js").State} State */
/** @typedef {import("../store.js").Store} Store */

const STALE_MS = 45_000;

/** @param {{ store: Store, state: State, refresh: () => Promise<void>, touring: boolean, setTouring: (on: boolean) => void }} props */
export function Strip({ store, state, refresh, touring, setTouring }) {
  const { language, map } = state;
  const district = titleOf(language, map ?? {}) || t(language, "app.name");
  return html`<header class="strip">
    <h1><span class="mark" /><button class="link" onClick=${() => showArea("")}>${district}</button><${Where} language=${language} /></h1>
    <${TopicSwitch} store=${store} state=${state} refresh=${refresh} />
    <${WarningInForce} state=${state} />
    <${Freshness} language=${language} />
    <button class="tour" aria-pressed=${touring} onClick=${() => setTouring(!touring)}>${touring ? "❚❚" : "▶"} ${t(language, "board.tour")}</button>
    <button class="tour" onClick=${() => store.set({ face: "desk" })}>${t(language, "board.desk")}</button>
  </header>`;
}

/** The area that is shown, with the way back up. @param {{ language: import("../types.js").Language }} props */
function Where({ language }) {
  const area = overview.value.told?.area;
  if (!areaCode.value) return null;
  const above = areaCode.value.slice(0, { 15: 12, 12: 9 }[areaCode.value.length] ?? 0);
  return html`<span class="where">› ${area?.code === areaCode.value ? (area.name ?? area.code) : areaCode.value}
    <button class="up" aria-label=${t(language, "board.up")} title=${t(language, "board.up")} onClick=${() => showArea(above)}>↑</button></span>`;
}

/** @param {{ state: State }} props */
function WarningInForce({ state: { language, map } }) {
  const warnings = overview.value.told?.lists["warnings"]?.features ?? [];
  const severities = map?.codes["event_severity"] ?? [];
  const place = (/** @type {any} */ one) => severities.findIndex(({ code }) => code === one.properties["severity"]);
  const [worst] = [...warnings].sort((a, b) => place(a) - place(b));
  if (!worst) return html`<p class="warned none">${t(language, "board.no_warning")}</p>`;
  const severity = severities[place(worst)];
  return html`<p class="warned" role="status" style=${{ "--color": severity?.color }}>
    <${Icon} name="warning" /><b>${worst.properties["title"] ?? (severity ? titleOf(language, severity, "label") : "")}</b>
    <span>${t(language, "board.since", { time: clock(language, worst.properties["occurred_at"]) })}</span>
    ${warnings.length > 1 && html`<span>${t(language, "board.more", { n: warnings.length - 1 })}</span>`}
  </p>`;
}

/** Whether the numbers are live, and how old; or of which moment of the past. @param {{ language: import("../types.js").Language }} props */
function Freshness({ language }) {
  const { told, error } = overview.value;
  if (at.value && !error) {
    return html`<p class="fresh replay"><button class="badge" role="status" title=${t(language, "time.live.back")} onClick=${() => (at.value = null)}>◀ ${t(language, "board.replay")}</button>
      <time>${dayAndTime(language, Date.parse(at.value))}</time></p>`;
  }
  if (!told || (!told.live && error === null)) return null; // the present is on its way
  const age_ms = Math.max(0, now.value - Date.parse(told.at));
  const age = Math.round(age_ms / 1000);
  const stale = error !== null || age_ms > STALE_MS;
  const time = clock(language, told.at, true);
  return html`<p class=${`fresh ${stale ? "stale" : ""}`} title=${error ? formatError(language, error) : ""}>
    <span class="badge" role="status">${stale ? "○" : "●"} ${t(language, stale ? "board.stopped" : "board.live")}</span>
    <time>${time}</time> <span class="lag">${t(language, "board.age", { n: age })}</span>
    ${stale && html`<button class="tour" onClick=${() => void askOverview()}>${t(language, "state.retry")}</button>`}
  </p>`;
}
