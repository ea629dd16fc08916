// Whether the page is of now: live with the time, lost since when, or at rest.

import { html } from "../../vendor/preact.mjs";
import { useNow } from "../clock.js";
import { formatClock, formatDuration, t } from "../i18n.js";
import { connection } from "../state/connection.js";

/** @param {{ state: import("../types.js").State }} props */
export function Liveness({ state: { language } }) {
  const now = useNow();
  const { state, since } = connection.value;
  if (state === "lost") {
    return html`<span class="liveness lost">${t(language, "liveness.lost", { age: formatDuration(language, (now - since) / 1000) })}</span>`;
  }
  return html`<span class=${`liveness ${state}`} title=${t(language, "liveness.why")}>
    ${t(language, state === "live" ? "liveness.live" : "liveness.rest")} <time>${formatClock(language, now)}</time></span>`;
}
