// The page's state: one frozen object, replaced as a whole; subscribers are called after each change.

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
 * @param {State} state
 * @param {Layer} layer
 */
export function isVisible(state, layer) {
  return layer.visible !== state.toggled.has(layer.id);
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
