// Whether the page is live or of the past, of which time its data are, and how late they come; in the bar of every face.

import { html, useEffect } from "../../vendor/preact.mjs";
import { signal } from "../../vendor/signals.mjs";
import { t } from "../i18n.js";
import { follow } from "../live.js";
import { addSheet } from "../sheets.js";
import { connection } from "../state/connection.js";
import { at, nothingThen } from "../state/time.js";
import { now } from "./clock.js";
import { clockTime, dayAndTime, spanInWords } from "./words.js";

/** @typedef {import("../types.js").Language} Language */

addSheet("css/time.css");
const STALE_MS = 120_000; // a district in which nothing is measured for so long is not seen as it is
const LATE_MAX_MS = 600_000; // older ones are told late, not sent late
const KEPT = 40;

/** @type {import("../../vendor/signals.mjs").Signal<{ time: number, lag: number } | null>} of the newest change: its time, and how late it came, in ms */
export const newest = signal(null);
/** @type {number[]} */
const lags = [];

/** Keep the time of the newest change, and the median of how late the last ones came. */
function listen() {
  return follow(({ changes }) => {
    const heard = Date.now();
    const times = changes.map((change) => Date.parse(change.phenomenon_time ?? "")).filter((time) => time > 0 && time < heard + 5000);
    if (!times.length) return;
    const latest = Math.max(...times);
    if (heard - latest < LATE_MAX_MS) lags.push(Math.max(0, heard - latest));
    lags.splice(0, lags.length - KEPT);
    const sorted = [...lags].sort((one, other) => one - other);
    newest.value = { time: Math.max(newest.value?.time ?? 0, latest), lag: sorted[Math.floor(sorted.length / 2)] ?? 0 };
  });
}

/** @param {{ language: Language }} props */
export function TimeBadge({ language }) {
  useEffect(listen, []);
  const moment = at.value;
  if (moment) {
    return html`<button class="time-badge replay" title=${t(language, "time.live.back")} onClick=${() => (at.value = null)}>
      <i aria-hidden="true">◀</i>${t(language, "time.replay", { time: dayAndTime(language, Date.parse(moment)) })}
      ${nothingThen.value && html`<span class="lag" role="status">${t(language, "time.nothing")}</span>`}</button>`;
  }
  const { state, since, heard } = connection.value;
  if (state === "starting") return html`<span class="time-badge starting"><i aria-hidden="true">○</i>${t(language, "time.starting")}</span>`;
  if (state === "lost") {
    const span = spanInWords(language, now.value - heard);
    return html`<span class="time-badge lost" role="status"><i aria-hidden="true">✕</i>${t(language, "time.lost", { time: clockTime(language, heard) })}
      <span aria-live="off">${t(language, "time.lost.for", { span })}</span></span>`;
  }
  const data = newest.value;
  const age = now.value - (data?.time ?? since);
  const stale = state === "rest" || age > STALE_MS;
  const time = clockTime(language, data?.time ?? now.value);
  return html`<span class=${`time-badge ${stale ? "stale" : "live"}`} title=${t(language, "time.why")}>
    <i aria-hidden="true">${stale ? "◌" : "●"}</i>${t(language, stale ? "time.stale" : "time.live", { time })}
    ${stale && html`<span class="lag">${t(language, "time.stale.for", { span: spanInWords(language, age) })}</span>`}
    ${!stale && data && html`<span class="lag">${t(language, "time.lag", { s: (data.lag / 1000).toFixed(1) })}</span>`}</span>`;
}
