// Titles of the codes of events. The map's description has them all; until it is there the few of a task are our own texts.

import { signal } from "../../vendor/signals.mjs";
import { t, titleOf } from "../i18n.js";

/** @typedef {import("../types.js").Language} Language */
/** @typedef {import("./requests.js").ReportClass} ReportClass */

const STORED = "onemap.classes";

/** Of what somebody may report an event. @type {import("../../vendor/signals.mjs").Signal<ReportClass[]>} */
export const classes = signal(stored());

/** @returns {ReportClass[]} */
function stored() {
  try {
    return JSON.parse(localStorage.getItem(STORED) ?? "[]");
  } catch {
    return [];
  }
}

/** @param {ReportClass[]} read */
export function rememberClasses(read) {
  classes.value = read;
  localStorage.setItem(STORED, JSON.stringify(read));
}

/**
 * @param {Language} language
 * @param {"event_stage" | "event_severity" | "event_class"} list
 * @param {string | null | undefined} code
 * @returns {string}
 */
export function codeTitle(language, list, code) {
  if (!code) return "";
  if (list === "event_class") {
    const known = classes.value.find((one) => one.code === code);
    return known ? titleOf(language, known, "label") : code;
  }
  const key = `phone.${list}.${code}`;
  const text = t(language, key);
  return text === key ? code : text;
}
