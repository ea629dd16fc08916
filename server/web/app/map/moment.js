// The map as of another moment: its tiles are asked for again, first those that change with what is reported.

import { effect } from "../../vendor/signals.mjs";
import { at } from "../state/time.js";
import { playing } from "../time/player.js";
import { refresh } from "./map.js";

/** @typedef {import("../store.js").Store} Store */

const SETTLED_MS = 900; // layers that seldom change wait until nobody moves in time

/**
 * Show on a map what was there at a moment, whenever that changes.
 * @param {import("maplibre-gl").Map} map
 * @param {Store} store
 * @param {{ value: string | null }} [moment]
 * @returns {() => void} ends it
 */
export function followMoment(map, store, moment = at) {
  let shown = moment.value;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let settling;
  const stop = effect(() => {
    if (moment.value === shown) return;
    shown = moment.value;
    const layers = store.get().map?.layers ?? [];
    for (const layer of layers) if (layer.live) refresh(map, layer.id);
    clearTimeout(settling);
    const settle = () => {
      if (moment === at && playing.peek()) settling = setTimeout(settle, SETTLED_MS);
      else layers.forEach((layer) => layer.live || refresh(map, layer.id));
    };
    settling = setTimeout(settle, SETTLED_MS);
    if (moment === at) told(store, layers);
  });
  return () => {
    stop();
    clearTimeout(settling);
  };
}

/**
 * Panels read again what they show.
 * @param {Store} store
 * @param {import("../types.js").Layer[]} layers
 */
function told(store, layers) {
  const { changes } = store.get();
  store.set({ changes: { ...changes, ...Object.fromEntries(layers.map(({ id }) => [id, (changes[id] ?? 0) + 1])) } });
}
