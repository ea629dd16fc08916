// The age of a value, which grows while it is shown; in the past its age at the moment of the page.

import { html } from "../../vendor/preact.mjs";
import { formatDuration, formatTime, t } from "../i18n.js";
import { at } from "../state/time.js";
import { now } from "../time/clock.js";

/** @param {{ language: import("../types.js").Language, time: string }} props */
export function Age({ language, time }) {
  const seconds = ((at.value ? Date.parse(at.value) : now.value) - new Date(time).getTime()) / 1000;
  if (!Number.isFinite(seconds)) return null;
  return html`<time dateTime=${time} title=${formatTime(language, time)}>${t(language, "panel.ago", { age: formatDuration(language, seconds) })}</time>`;
}
