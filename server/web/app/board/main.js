// The number that colours the map and ranks the areas: the first of the theme that sums up and is told of them, else open events.

import { indicatorOf } from "../state/overview.js";

/** @typedef {import("../types.js").Topic} Topic */
/** @typedef {import("../state/overview.js").Told} Told */
/** @typedef {import("../state/overview.js").Indicator} Indicator */

export const OPEN = "events_open";

/**
 * @param {Told} told
 * @param {Topic | null} topic
 * @returns {Indicator | undefined} undefined where the reader is told of neither
 */
export function mainIndicator(told, topic) {
  const [first] = told.children;
  const known = [...(topic?.indicators ?? []), OPEN].map((id) => indicatorOf(told, id));
  return known.find((one) => one?.additive && first && one.id in first.values) ?? indicatorOf(told, OPEN);
}
