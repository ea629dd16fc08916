// Counting what is in view, once the map rests.

import { inView } from "../state/inview.js";
import { isClickable, legend } from "./style.js";

/** @typedef {import("../store.js").Store} Store */
/** @typedef {import("../state/inview.js").InView} InView */

const UNCOUNTED = new Set(["buildings", "roads"]); // tens of thousands, at the bottom of every map

/**
 * Keep the counts true while the map lives.
 * @param {import("maplibre-gl").Map} map
 * @param {Store} store
 */
export function countInView(map, store) {
  let due = 0;
  const count = () => {
    due = 0;
    inView.value = counted(map, store);
  };
  map.on("idle", () => {
    due ||= window.setTimeout(count, 50);
  });
  map.once("remove", () => clearTimeout(due));
}

/**
 * @param {import("maplibre-gl").Map} map
 * @param {Store} store
 * @returns {Map<string, InView>}
 */
function counted(map, store) {
  const notes = legend(store.get().style);
  const asked = map.getLayersOrder().filter((id) => (isClickable(id) || id.endsWith(":cell")) && !UNCOUNTED.has(id.split(":", 1)[0] ?? ""));
  /** @type {Map<string, InView>} */
  const found = new Map();
  const seen = new Set();
  for (const { source, properties } of map.queryRenderedFeatures({ layers: asked })) {
    const key = `${source}/${properties["id"] ?? JSON.stringify(properties)}`;
    if (seen.has(key)) continue;
    seen.add(key);
    const entry = found.get(source) ?? { count: 0, codes: new Set() };
    entry.count += Number(properties["count"] ?? 1);
    const field = notes.get(source)?.field;
    if (field && properties[field] !== undefined) entry.codes.add(String(properties[field]));
    found.set(source, entry);
  }
  return found;
}
