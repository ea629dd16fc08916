// What waits for a page that rests: everything that happened, the newest alone of what is only a state, or the word that
// too much has happened to be told.

/**
 * A change of the twin, as the stream tells it; the fields of its layer stand beside these members.
 * @typedef {{ kind: "event" | "observation" | "position" | "feature" | "fence" | "note", layer: string, id: string,
 *   operation?: "create" | "update" | "delete", property?: string, lon?: number | null, lat?: number | null,
 *   phenomenon_time?: string, [field: string]: any }} Change
 */

/**
 * What has happened since the last time.
 * @typedef {object} News
 * @property {Change[]} changes  in the order of the log
 * @property {string[]} redrawn  layers with tiles to ask for again
 * @property {boolean} gap  whether changes may have been missed: what is shown is to be read again
 */

const MOST = 2000;

export class Backlog {
  /** @type {Map<string, Change>} */
  #changes = new Map();
  /** @type {Set<string>} */
  #redrawn = new Set();
  #gap = false;
  #count = 0;

  /** @param {News} news */
  add({ changes, redrawn, gap }) {
    for (const layer of redrawn) this.#redrawn.add(layer);
    for (const change of changes) {
      const key = this.#key(change);
      this.#changes.delete(key);
      this.#changes.set(key, change);
    }
    this.#gap ||= gap || this.#changes.size > MOST;
    if (this.#gap) this.#changes.clear();
  }

  /** @param {Change} change */
  #key({ kind, layer, id, property }) {
    return kind === "position" || kind === "observation" ? `${kind}/${layer}/${id}/${property}` : String(this.#count++);
  }

  /**
   * Take everything out.
   * @returns {News | null}  null when nothing has happened
   */
  take() {
    const news = { changes: [...this.#changes.values()], redrawn: [...this.#redrawn], gap: this.#gap };
    this.#changes.clear();
    this.#redrawn.clear();
    this.#gap = false;
    return news.gap || news.changes.length || news.redrawn.length ? news : null;
  }
}
