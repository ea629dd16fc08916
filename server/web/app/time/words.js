// Times and spans in words.

import { t } from "../i18n.js";

/** @typedef {import("../types.js").Language} Language */

const ZONE = "Asia/Shanghai";
const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;
/** @type {Map<string, Intl.DateTimeFormat>} made once: making one takes longer than a row of a list */
const formats = new Map();

/**
 * @param {Language} language
 * @param {Intl.DateTimeFormatOptions} options
 */
function formatOf(language, options) {
  const key = `${language}${JSON.stringify(options)}`;
  const made = formats.get(key) ?? new Intl.DateTimeFormat(language, { ...options, hour12: false, timeZone: ZONE });
  formats.set(key, made);
  return made;
}

/**
 * A time of the clock: 22:41:07.
 * @param {Language} language
 * @param {number} time_ms
 */
export function clockTime(language, time_ms) {
  return formatOf(language, { hour: "2-digit", minute: "2-digit", second: "2-digit" }).format(time_ms);
}

/**
 * A time as short as it is clear: the clock of the same day, else with the date.
 * @param {Language} language
 * @param {number} time_ms
 * @param {number} now_ms
 */
export function shortTime(language, time_ms, now_ms) {
  if (dayOf(time_ms) === dayOf(now_ms)) return clockTime(language, time_ms);
  return formatOf(language, { month: "2-digit", day: "2-digit", hour: "2-digit", minute: "2-digit" }).format(time_ms);
}

/**
 * A date and a time: 11/30 22:41:07.
 * @param {Language} language
 * @param {number} time_ms
 */
export function dayAndTime(language, time_ms) {
  return formatOf(language, { month: "2-digit", day: "2-digit", hour: "2-digit", minute: "2-digit", second: "2-digit" }).format(time_ms);
}

/** @param {number} time_ms */
const dayOf = (time_ms) => Math.floor((time_ms + 8 * HOUR_MS) / DAY_MS);

/**
 * A span in its two largest units: 3 d 2 h.
 * @param {Language} language
 * @param {number} span_ms
 */
export function spanInWords(language, span_ms) {
  const [days, hours, minutes] = [Math.floor(span_ms / DAY_MS), Math.floor(span_ms / HOUR_MS) % 24, Math.floor(span_ms / MINUTE_MS) % 60];
  if (days >= 10) return t(language, "span.d", { d: days });
  if (days > 0) return t(language, hours ? "span.dh" : "span.d", { d: days, h: hours });
  if (hours > 0) return t(language, minutes ? "span.hm" : "span.h", { h: hours, m: minutes });
  return minutes > 0 ? t(language, "span.m", { m: minutes }) : t(language, "span.s", { s: Math.max(0, Math.floor(span_ms / 1000)) });
}
