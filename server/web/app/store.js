// The page's state: one frozen object, replaced as a whole; subscribers are called after each change.

import { at } from "./state/time.js";
import { topicOf } from "./topics.js";

/** @typedef {import("./types.js").State} State */
/** @typedef {import("./types.js").Layer} Layer */

/** @param {State} initial */
export function createStore(initial) {
  let state = initial;
  /** @type {Set<(state: State, previous: State) => void>} */
  const listeners = new Set();
  return {
    /** @returns {State} */
    get: () => state,
    /** @param {Partial<State>} change */
    set(change) {
      const previous = state;
      state = { ...state, ...change };
      for (const listener of listeners) listener(state, previous);
    },
    /**
     * @param {(state: State, previous: State) => void} listener
     * @returns {() => void} removes the listener
     */
    subscribe(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}

/** @typedef {ReturnType<typeof createStore>} Store */

/**
 * Whether a layer is on: what the theme says, else the catalogue, unless somebody has switched it. What this browser has
 * not seen before is off: one loaded file covers nobody's map.
 * @param {State} state
 * @param {Layer} layer
 */
export function isVisible(state, layer) {
  if (at.value !== null && !layer.past) return false;
  const topic = topicOf(state);
  const usual = topic ? topic.base.includes(layer.id) || topic.layers.some(({ id }) => id === layer.id) : layer.visible;
  return (usual && !state.fresh.has(layer.id)) !== state.toggled.has(layer.id);
}

/**
 * @param {State} state
 * @param {string} id  of a layer
 */
export function opacityOf(state, id) {
  return state.opacities[id] ?? topicOf(state)?.layers.find((layer) => layer.id === id)?.opacity ?? 1;
}

/**
 * What a feature is called: its name or title, else what its layer writes on the map; null when it has none of them.
 * @param {Layer | undefined} layer
 * @param {import("./types.js").Feature | null} feature
 * @returns {string | null}
 */
export function nameOf(layer, feature) {
  const properties = feature?.properties ?? {};
  return properties["name"] || properties["title"] || (layer?.label && properties[layer.label]) || null;
}

/**
 * @param {State} state
 * @param {string} id
 */
export function layerOf(state, id) {
  return state.map?.layers.find((layer) => layer.id === id);
}

/**
 * The layers that are on, the lowest first; without those that the theme stands on.
 * @param {State} state
 */
export function layersOn(state) {
  const base = topicOf(state)?.base ?? [];
  const on = (state.map?.layers ?? []).filter((layer) => isVisible(state, layer) && !base.includes(layer.id) && layer.geometry_type !== "None");
  const place = (/** @type {Layer} */ layer) => (state.order.includes(layer.id) ? state.order.indexOf(layer.id) : on.indexOf(layer));
  return [...on].sort((one, other) => place(one) - place(other));
}
