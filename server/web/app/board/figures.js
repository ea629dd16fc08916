// Numbers of indicators as text: with the unit, and with the difference from a week before.

import { formatNumber, t, titleOf } from "../i18n.js";

/** @typedef {import("../types.js").Language} Language */
/** @typedef {import("../state/overview.js").Indicator} Indicator */

/**
 * @param {Language} language
 * @param {number | string | null | undefined} value
 * @param {string} [unit]  UCUM
 */
export function figure(language, value, unit = "") {
  if (value === null || value === undefined) return "–";
  if (typeof value === "string") return value; // a count too small to be shown
  if (unit === "%") return `${formatNumber(language, Number(value.toFixed(1)))}%`;
  if (unit === "h") return duration(language, value);
  if (unit === "m") return `${value.toFixed(2)} m`;
  if (unit === "mm") return `${formatNumber(language, Number(value.toFixed(1)))} mm`;
  return formatNumber(language, Math.round(value * 10) / 10);
}

/** @param {Language} language @param {number} hours */
function duration(language, hours) {
  if (hours < 1) return t(language, "board.minutes", { n: Math.round(hours * 60) });
  if (hours < 48) return t(language, "board.hours", { n: formatNumber(language, Math.round(hours * 10) / 10) });
  return t(language, "board.days", { n: formatNumber(language, Math.round(hours / 2.4) / 10) });
}

/**
 * The difference from the same weekday and time a week before: an arrow and a number, null where nothing is known.
 * @param {Language} language
 * @param {Indicator} one
 */
export function difference(language, one) {
  if (!one.compare) return null;
  const { change } = one.compare;
  const size = one.unit === "%" ? `${formatNumber(language, Math.round(Math.abs(change) * 10) / 10)}` : figure(language, Math.abs(change), one.unit);
  const text = change === 0 ? t(language, "board.same") : `${change > 0 ? "▲" : "▼"} ${size}`;
  return { text, label: t(language, "board.compared", { value: figure(language, one.compare.value, one.unit) }) };
}

/** What a number says, for the pointer and for screen readers. @param {Language} language @param {Indicator} one */
export function explained(language, one) {
  return `${titleOf(language, one)}：${titleOf(language, one, "formula")}${one.compare ? `；${t(language, "board.compared", { value: figure(language, one.compare.value, one.unit) })}` : ""}`;
}

/** @param {Language} language @param {string | number | Date} time @param {boolean} [seconds] */
export function clock(language, time, seconds = false) {
  const second = seconds ? /** @type {const} */ ({ second: "2-digit" }) : {};
  return new Intl.DateTimeFormat(language, { hour: "2-digit", minute: "2-digit", ...second, hour12: false, timeZone: "Asia/Shanghai" }).format(new Date(time));
}
