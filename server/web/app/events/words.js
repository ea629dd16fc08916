// An event in words and shapes: its codes, and how its limit stands.

import { formatValue, titleOf } from "../i18n.js";
import { t } from "../i18n.js";
import { spanInWords } from "../time/words.js";

/** @typedef {import("../types.js").State} State */
/** @typedef {import("../types.js").Language} Language */
/** @typedef {"none" | "fine" | "near" | "over" | "kept" | "missed"} Standing */
/** @typedef {{ standing: Standing, words: string }} Limit */

const NEAR_MS = 60 * 60_000;
const DONE = new Set(["closed", "evaluate", "merged", "voided"]);
/** @type {Record<Standing, string>} a shape for each, so that colour is never alone */
export const SHAPES = { none: "–", fine: "●", near: "◆", over: "▲", kept: "✓", missed: "△" };

/**
 * @param {Record<string, any>} properties
 * @returns {boolean}
 */
export function isDone(properties) {
  return Boolean(properties["closed_at"]) || DONE.has(properties["stage"]);
}

/**
 * How the limit of an event stands at a moment.
 * @param {Language} language
 * @param {Record<string, any>} properties
 * @param {number} now_ms
 * @returns {Limit}
 */
export function limitOf(language, properties, now_ms) {
  const due = Date.parse(properties["due_at"] ?? "");
  if (Number.isNaN(due)) return { standing: "none", words: t(language, isDone(properties) ? "limit.done" : "limit.none") };
  if (isDone(properties)) {
    const closed = Date.parse(properties["closed_at"] ?? "");
    const kept = Number.isNaN(closed) || closed <= due;
    return { standing: kept ? "kept" : "missed", words: t(language, kept ? "limit.kept" : "limit.missed") };
  }
  const left = due - now_ms;
  if (left < 0) return { standing: "over", words: t(language, "limit.over", { span: spanInWords(language, -left) }) };
  return { standing: left < NEAR_MS ? "near" : "fine", words: t(language, "limit.left", { span: spanInWords(language, left) }) };
}

/**
 * The label and the colour of a coded property.
 * @param {State} state
 * @param {string} list  id of the code list
 * @param {unknown} code
 * @returns {{ label: string, color: string | undefined }}
 */
export function coded(state, list, code) {
  const found = state.map?.codes[list]?.find((one) => one.code === String(code));
  return { label: found ? titleOf(state.language, found, "label") : String(code ?? ""), color: found?.color };
}

/**
 * A property of an event as text; empty when there is nothing.
 * @param {State} state
 * @param {string} name
 * @param {unknown} value
 */
export function worded(state, name, value) {
  const field = state.map?.layers.find((layer) => layer.id === "events")?.fields.find((one) => one.name === name);
  return field ? formatValue(state.language, field, value, state.map?.codes ?? {}) ?? "" : String(value ?? "");
}
