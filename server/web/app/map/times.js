// The moments that the layers of a map show. A layer that is the same at two moments keeps its tiles: they are as of the
// time since when it has been so, and are asked for again when that time is another.

import { asOf } from "../api.js";

const LAYER = /\/tiles\/([^/?]+)\/\d/;
const FILTERED = /[?&]filter=/; // by values that feeds may change

export class Times {
  /** The moment that the map shows, or is going to. @type {string | null} */
  at;
  /** That of the layers that wait for the server to say since when they are as they are then. @type {string | null} */
  #settled;
  /** Since when layers are as they are at that moment; empty while nobody has asked. @type {Map<string, string>} */
  #since = new Map();
  /** Layers that are others at each moment. @type {Set<string>} */
  #moving = new Set();
  #waits = false;

  /** @param {string | null} at  null is now */
  constructor(at) {
    this.at = this.#settled = at;
  }

  /** Whether it is to be asked, too, since when layers are as they are drawn; those of the present change by themselves. */
  get unknown() {
    return this.#settled === null || !this.#since.size;
  }

  /** The moment of which all that is drawn was at last. */
  get settled() {
    return this.#settled;
  }

  /**
   * The address of a tile, as of what its layer shows.
   * @param {string} url
   */
  address(url) {
    const layer = decodeURIComponent(LAYER.exec(url)?.[1] ?? "");
    if (FILTERED.test(url)) return asOf(url, this.at);
    const moment = this.#waits && !this.#moving.has(layer) ? this.#settled : this.at;
    return asOf(url, moment === null ? null : (this.#since.get(layer) ?? moment));
  }

  /**
   * Go to another moment: layers that are others at each moment go there at once, the others wait.
   * @param {string | null} at
   * @param {Map<string, boolean>} layers  that the map shows, and whether they are filtered
   * @returns {string[]}  layers that went
   */
  depart(at, layers) {
    this.at = at;
    this.#waits = true;
    for (const [layer, filtered] of layers) if (filtered) this.#moving.add(layer);
    return [...layers.keys()].filter((layer) => this.#moving.has(layer));
  }

  /**
   * Be at that moment, with all layers.
   * @param {Map<string, boolean>} layers
   * @param {Record<string, string>} before  since when they have been as they are drawn; empty where it is known, or nobody knows
   * @param {Record<string, string>} since  since when they have been as they are at the moment
   * @param {readonly string[]} gone  layers that went at once
   * @returns {string[]}  layers to be drawn anew
   */
  arrive(layers, before, since, gone) {
    const differs = (/** @type {string} */ layer) => since[layer] === undefined || since[layer] !== (before[layer] ?? this.#since.get(layer));
    const changed = [...layers.keys()].filter((layer) => !gone.includes(layer) && differs(layer));
    this.#settled = this.at;
    this.#since = new Map(Object.entries(since).filter(([layer]) => !layers.get(layer)));
    this.#moving = new Set([...layers.keys()].filter((layer) => !this.#since.has(layer)));
    this.#waits = false;
    return changed;
  }
}
