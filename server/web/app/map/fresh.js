// Keeping the map true: tiles of changed layers are asked for again, at most every two seconds, and not before the last ones have come.

import { follow } from "../live.js";
import { connection } from "../state/connection.js";
import { at } from "../state/time.js";
import { refresh } from "./map.js";

/** @typedef {import("../store.js").Store} Store */

const FRESH_MS = 2000;
const MOST_PASSED = 5; // times that a refresh waits for the one before; a tile that never comes stops nobody
/** @type {WeakMap<import("maplibre-gl").Map, () => Iterable<string>>} */
const waiting = new WeakMap();

/**
 * The layers of which a map shows less than has been told.
 * @param {import("maplibre-gl").Map} map
 * @returns {Iterable<string>}
 */
export const outdated = (map) => waiting.get(map)?.() ?? [];

/**
 * Refresh layers whose features change, none while the tab is hidden, the past is shown or the server away: what is drawn stays. Once the
 * server answers again everything is refreshed, also tiles that could not be read meanwhile.
 * @param {import("maplibre-gl").Map} map
 * @param {Store} store
 * @returns {() => void} stops it
 */
export function keepFresh(map, store) {
  /** @type {Set<string>} */
  const changed = new Set();
  let all = false;
  let passed = 0;
  const stop = follow(({ changes, redrawn, gap }) => {
    all ||= gap;
    for (const { layer } of changes) changed.add(layer);
    for (const layer of redrawn) changed.add(layer);
  });
  const every = () => (store.get().map?.layers ?? []).map((layer) => layer.id);
  waiting.set(map, () => (all ? every() : changed));
  const forget = store.subscribe((now, before) => {
    if (now.online && !before.online) all = true;
  });
  const timer = setInterval(() => {
    if (at.value || document.hidden || !store.get().online || connection.value.state === "lost" || !(all || changed.size)) return;
    if (!map.areTilesLoaded() && ++passed < MOST_PASSED) return; // what was asked for before is on its way
    passed = 0;
    const layers = all ? every() : [...changed];
    for (const layer of layers) refresh(map, layer);
    changed.clear();
    all = false;
    const { changes } = store.get();
    store.set({ changes: { ...changes, ...Object.fromEntries(layers.map((layer) => [layer, (changes[layer] ?? 0) + 1])) } });
  }, FRESH_MS);
  return () => {
    clearInterval(timer);
    forget();
    stop();
  };
}
