// The moment that the page shows: null is now, anything else is in the past, and everything on the page is of that moment.

import { signal } from "../../vendor/signals.mjs";
import { linked } from "./link.js";

/**
 * @param {string} text
 * @returns {string | null} RFC 3339; null for what is no time of the past
 */
function momentOf(text) {
  const time = Date.parse(text);
  return Number.isNaN(time) || time > Date.now() ? null : new Date(time).toISOString();
}

/** RFC 3339, or null for now. */
export const at = linked("at", momentOf);

/** Whether nothing of what the map shows had been loaded by the moment of the page: it is empty then, and nothing is wrong. */
export const nothingThen = signal(false);

/** The moment of the left one of two maps side by side; null while there is one map. */
export const compared = linked("than", momentOf);
