// Themes of the map, as `/twin/themes` has them. In code a theme is a topic: `theme` is the style's name.

import { address, ask } from "./api.js";
import { at } from "./state/time.js";
import { spanId, usualSpan } from "./time/windows.js";

/** @typedef {import("./types.js").State} State */
/** @typedef {import("./types.js").Topic} Topic */

/** @returns {Promise<Topic[]>} those that the reader may have, in order */
export async function fetchTopics() {
  return (await (await ask("twin/themes")).json()).themes;
}

/**
 * The theme that is shown: the one of the link, else the first; null where there is none.
 * @param {Pick<State, "topics" | "topic">} state
 * @returns {Topic | null}
 */
export function topicOf({ topics, topic }) {
  return topics.find(({ name }) => name === topic) ?? topics[0] ?? null;
}

/**
 * The change of the state that shows a theme as it is meant: with its layers, its view and its style.
 * @param {Topic} topic
 * @returns {Partial<State>}
 */
export function chosen(topic) {
  const asked = topic.view;
  spanId.value = "";
  return {
    ...beginTime(topic),
    topic: topic.name, toggled: new Set(), opacities: {}, order: [],
    ...(topic.style ? { theme: topic.style } : {}), ...(asked ? { asked } : {}),
  };
}

/**
 * Begin with the time of a theme: its span, and where it replays a moment that much earlier; a moment that somebody has chosen stays.
 * @param {Topic | null} topic
 * @returns {Partial<State>}
 */
export function beginTime(topic) {
  if (!topic) return {};
  const { mode, window_min: minutes } = topic.time;
  usualSpan(minutes * 60_000);
  if (mode === "live" || at.value !== null) return {};
  at.value = new Date(Date.now() - minutes * 60_000).toISOString();
  return { tab: "time" };
}

/**
 * The address of a layer's tiles with the filter of the theme.
 * @param {string} url
 * @param {string | null | undefined} filter  CQL2 text
 */
export function filtered(url, filter) {
  return filter ? `${url}${url.includes("?") ? "&" : "?"}filter=${encodeURIComponent(filter)}` : url;
}

/**
 * The layers that this browser has not seen in a reader's list before: what is not among the known ones is new.
 * @param {readonly string[]} now  ids of the map
 * @param {string} reader
 * @returns {Set<string>} the new ones
 */
export function freshAmong(now, reader) {
  const known = knownTo(reader) ?? new Set(now);
  keep(reader, [...known].filter((id) => now.includes(id)));
  return new Set(now.filter((id) => !known.has(id)));
}

/**
 * @param {string} id  of a layer that is new no longer
 * @param {string} reader
 */
export function acquaint(id, reader) {
  keep(reader, [...(knownTo(reader) ?? []), id]);
}

/**
 * @param {string} reader
 * @returns {Set<string> | null}
 */
function knownTo(reader) {
  const stored = localStorage.getItem(name(reader));
  return stored === null ? null : new Set(JSON.parse(stored));
}

/**
 * @param {string} reader
 * @param {string[]} ids
 */
function keep(reader, ids) {
  localStorage.setItem(name(reader), JSON.stringify(ids));
}

/** @param {string} reader */
const name = (reader) => `onemap.layers ${new URL(address("")).pathname} ${reader}`;
