// Ages, distances and limits in words, short enough for a phone.

import { formatNumber, t } from "../i18n.js";

/** @typedef {import("../types.js").Language} Language */

const MINUTE_MS = 60_000;

/**
 * @param {Language} language
 * @param {string | number | null | undefined} moment
 */
export function age(language, moment) {
  if (!moment) return "";
  const minutes = Math.round((Date.now() - new Date(moment).getTime()) / MINUTE_MS);
  if (minutes < 1) return t(language, "phone.age.now");
  return t(language, "phone.age.ago", { span: span(language, minutes) });
}

/**
 * @param {Language} language
 * @param {string | null | undefined} due
 */
export function limit(language, due) {
  if (!due) return "";
  const minutes = Math.round((new Date(due).getTime() - Date.now()) / MINUTE_MS);
  return t(language, minutes < 0 ? "phone.due.past" : "phone.due.left", { span: span(language, Math.abs(minutes)) });
}

/**
 * @param {Language} language
 * @param {number} minutes
 */
function span(language, minutes) {
  if (minutes < 60) return t(language, "phone.span.minutes", { n: minutes });
  if (minutes < 48 * 60) return t(language, "phone.span.hours", { n: Math.round(minutes / 60) });
  return t(language, "phone.span.days", { n: Math.round(minutes / (24 * 60)) });
}

/**
 * @param {Language} language
 * @param {number | null | undefined} metres
 */
export function distance(language, metres) {
  if (metres === null || metres === undefined) return "";
  if (metres < 1000) return `${formatNumber(language, Math.round(metres / 10) * 10)} m`;
  return `${formatNumber(language, Number((metres / 1000).toPrecision(2)))} km`;
}
