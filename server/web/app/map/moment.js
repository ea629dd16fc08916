// The map as of another moment: tiles are asked for again of those layers alone that are others than they were.

import { effect } from "../../vendor/signals.mjs";
import { ask } from "../api.js";
import { at, nothingThen } from "../state/time.js";
import { holdFrames } from "./curtain.js";
import { outdated } from "./fresh.js";
import { holdIdle } from "./idle.js";
import { refresh, tiled, timesOf } from "./map.js";
import { showPast } from "./pace.js";

/** @typedef {import("../store.js").Store} Store */

const BEFORE_ALL = Date.UTC(1900, 0, 1); // stands for a time before anything was known

/**
 * Show on a map what was there at a moment, whenever that changes.
 * @param {import("maplibre-gl").Map} map
 * @param {Store} store
 * @param {{ value: string | null }} [moment]
 * @returns {() => void} ends it
 */
export function followMoment(map, store, moment = at) {
  const times = timesOf(map);
  let going = new AbortController();
  const stop = effect(() => {
    if (moment.value === times.at) return;
    if (moment === at && (moment.value === null) !== (times.at === null)) redraw(store);
    going.abort();
    going = new AbortController();
    const gone = travel(map, moment.value, going.signal);
    holdIdle(map, gone);
    holdFrames(map, gone);
    if (moment === at) told(store, store.get().map?.layers ?? []);
  });
  return () => {
    stop();
    going.abort();
  };
}

/**
 * Layers of which the reader may not see the past are shown in the present alone: the map is drawn anew.
 * @param {Store} store
 */
function redraw(store) {
  const { map } = store.get();
  if (map?.layers.some(({ past }) => !past)) store.set({ map: { ...map } });
}

/**
 * @param {import("maplibre-gl").Map} map
 * @param {string | null} to
 * @param {AbortSignal} signal  another moment is wanted
 */
async function travel(map, to, signal) {
  const times = timesOf(map);
  const { shown, hidden } = tiled(map);
  showPast(map, to !== null);
  const names = [...shown].filter(([, filtered]) => !filtered).map(([layer]) => layer);
  const from = times.unknown ? fetchSince(times.settled, names, signal) : {};
  const gone = times.depart(to, shown);
  for (const layer of gone) refresh(map, layer);
  const [before, since] = await Promise.all([from, fetchSince(to, names, signal)]);
  if (signal.aborted) return;
  if (to === at.peek()) nothingThen.value = to !== null && isBeforeAll(since);
  const stale = new Set(outdated(map));
  const known = Object.fromEntries(Object.entries(before).filter(([layer]) => !stale.has(layer)));
  for (const layer of times.arrive(shown, known, since, gone)) refresh(map, layer);
  for (const layer of hidden) refresh(map, layer);
}

/**
 * Whether layers are as they have been since before anything was known.
 * @param {Record<string, string>} since
 */
function isBeforeAll(since) {
  const times = Object.values(since);
  return times.length > 0 && times.every((time) => Date.parse(time) <= BEFORE_ALL);
}

/**
 * What the server knows of layers at a moment: since when each is as it is then.
 * @param {string | null} moment
 * @param {string[]} layers
 * @param {AbortSignal} signal
 * @returns {Promise<Record<string, string>>}  nothing where it does not answer: then all is asked for, and says itself what is wrong
 */
async function fetchSince(moment, layers, signal) {
  if (!layers.length) return {};
  const query = new URLSearchParams({ layers: layers.join(","), ...(moment ? { at: moment } : {}) });
  const answer = await ask(`tiles/since?${query}`, {}, signal, null, null).catch(() => null);
  return (await answer?.json())?.since ?? {};
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
