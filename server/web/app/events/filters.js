// Which events the page shows: filters that are in the link, and the CQL2 text that the server gets of them. The list and
// the map ask with the same text.

import { linked } from "../state/link.js";
import { layerOf } from "../store.js";
import { topicOf } from "../topics.js";

/** @typedef {import("../types.js").Account} Account */
/** @typedef {import("../types.js").State} State */

export const LAYER = "events";
const text = (/** @type {string} */ given) => given;
const OPEN = "closed_at IS NULL AND (stage IS NULL OR stage NOT IN ('closed', 'evaluate', 'merged', 'voided'))";
/** @type {Record<string, string>} the level that somebody with a role works at */
const LEVELS = { community_officer: "community", street_dispatcher: "street", district_dispatcher: "district" };
export const ANY = "any";

export const source = linked("e.source", text);
export const eventClass = linked("e.class", text);
export const severity = linked("e.severity", text);
/** A code, `any`, or empty for all that is open. */
export const stage = linked("e.stage", text);
/** The code of an area, which begins the codes of all areas in it. */
export const inArea = linked("e.area", text);
export const overdue = linked("e.overdue", (given) => given === "true");
export const mine = linked("e.mine", (given) => given === "true");

/** @param {string} value */
export const quoted = (value) => `'${value.replaceAll("'", "''")}'`;

/** Whether any filter is other than usual. */
export function isNarrowed() {
  return [source, eventClass, severity, stage, inArea, overdue, mine].some((one) => Boolean(one.value));
}

export function widen() {
  for (const one of [source, eventClass, severity, stage, inArea]) one.value = "";
  overdue.value = false;
  mine.value = false;
}

/**
 * Whether an event that the stream tells of is surely none of those that are chosen; what the reader is not told of it decides nothing.
 * @param {{ [field: string]: any }} told
 */
export function isOutside({ source: from, severity: level, event_class: kind }) {
  const other = (/** @type {string} */ chosen, /** @type {any} */ value) => chosen !== "" && typeof value === "string" && !value.startsWith(chosen);
  return other(source.value, from) || other(severity.value, level) || other(eventClass.value, kind);
}

/**
 * What the theme shows of events, while no source and no stage is chosen; these choose among all events.
 * @param {State} state
 * @returns {string}
 */
export function filterOfTheme(state) {
  if (source.value || stage.value) return "";
  return topicOf(state)?.layers.find(({ id }) => id === LAYER)?.filter ?? "";
}

/**
 * The condition of the events in the list and on the map, as CQL2 text; empty for all.
 * @param {State} state
 * @returns {string}
 */
export function condition(state) {
  const { account } = state;
  const seen = new Set((layerOf(state, LAYER)?.fields ?? []).filter((field) => !field.masked).map((field) => field.name));
  const ofTheme = filterOfTheme(state);
  const parts = ofTheme ? [`(${ofTheme})`] : [];
  if (source.value) parts.push(`source = ${quoted(source.value)}`);
  if (eventClass.value) parts.push(`event_class LIKE ${quoted(`${eventClass.value}%`)}`);
  if (severity.value) parts.push(`severity = ${quoted(severity.value)}`);
  if (!stage.value && !ofTheme && seen.has("stage") && seen.has("closed_at")) parts.push(`(${OPEN})`);
  else if (stage.value && stage.value !== ANY) parts.push(`stage = ${quoted(stage.value)}`);
  if (inArea.value) parts.push(within([inArea.value]));
  if (overdue.value && seen.has("overdue")) parts.push("overdue = TRUE");
  if (mine.value && account) parts.push(ofAccount(account, seen));
  const all = parts.filter(Boolean);
  return all.length === 1 && ofTheme ? ofTheme : all.join(" AND "); // as the theme's other readers ask: the tiles are kept already
}

/**
 * The events of somebody's own areas that are handled at his level.
 * @param {Account} account
 * @param {Set<string>} seen  fields that may be filtered by
 */
function ofAccount({ roles, areas }, seen) {
  const level = roles.map((role) => LEVELS[role]).find(Boolean);
  const parts = areas.length ? [within(areas)] : [];
  if (level && seen.has("level_current")) parts.push(`(level_current = '${level}' OR level_current IS NULL)`);
  return parts.join(" AND ");
}

/** @param {string[]} codes  of grids (15 digits and more) or of areas above them */
function within(codes) {
  const one = (/** @type {string} */ code) => `${code.length > 12 ? "grid_code" : "area_code"} LIKE ${quoted(`${code}%`)}`;
  return `(${codes.map(one).join(" OR ")})`;
}
