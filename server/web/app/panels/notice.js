// What stands over the page while there is no map, and when the server does not answer.

import { html, useEffect, useState } from "../../vendor/preact.mjs";
import { formatClock, formatDuration, t } from "../i18n.js";
import { connection } from "../state/connection.js";
import { now } from "../time/clock.js";

/** @typedef {import("../types.js").State} State */

const PATIENCE_MS = 3000; // a line that is back at once is not worth a word

/** @param {{ state: State, refresh: () => Promise<void> }} props */
export function Notice({ state, refresh }) {
  const { language, status } = state;
  if (status === "ready") return html`<${Lost} state=${state} />`;
  if (status === "loading") return html`<p class="notice center" role="status"><span class="spinner" />${t(language, "state.loading")}</p>`;
  if (status === "empty") return html`<p class="notice center" role="status">${t(language, "state.empty")}</p>`;
  return html`<div class="notice center" role="alert">
    <p>${t(language, "state.error", { detail: state.message })}</p>
    <button class="primary" onClick=${refresh}>${t(language, "state.retry")}</button>
  </div>`;
}

/**
 * Of which moment the page is, while the server does not answer.
 * @param {{ state: State }} props
 */
function Lost({ state: { language, online } }) {
  const since = useLost(online);
  if (since === null) return null;
  const age_ms = Math.max(0, now.value - since); // the clock may be of the second before
  if (online && age_ms < PATIENCE_MS) return null;
  const places = { time: formatClock(language, since), age: formatDuration(language, age_ms / 1000) };
  return html`<p class="notice toast" role="status">${t(language, "state.lost")} <span aria-live="off">${t(language, "state.lost.since", places)}</span></p>`;
}

/**
 * Since when the line is broken, or requests fail; null while all is well.
 * @param {boolean} online
 * @returns {number | null}
 */
function useLost(online) {
  const [offlineAt, setOfflineAt] = useState(/** @type {number | null} */ (null));
  useEffect(() => setOfflineAt(online ? null : Date.now()), [online]);
  const { state, since } = connection.value;
  const broken = [...(state === "lost" ? [since] : []), ...(offlineAt === null ? [] : [offlineAt])];
  return broken.length ? Math.min(...broken) : null;
}
