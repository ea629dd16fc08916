// The events of the list: read page by page, the newest first, and patched row by row as the stream tells of changes.

import { signal } from "../../vendor/signals.mjs";
import { fetchJson } from "../api.js";
import { LAYER, quoted } from "./filters.js";

/** @typedef {import("../types.js").Feature} Feature */
/** @typedef {{ filter: string, at: string | null, fields: string[] }} Asked */

const PAGE = 100;
const IDS_MAX = 80; // of one request: an address has an end
const WANTED = ["title", "source", "event_class", "severity", "stage", "level_current", "occurred_at", "due_at", "overdue",
  "closed_at", "area_code", "grid_code", "lead_org"];

/**
 * The fields of a row that the reader has.
 * @param {import("../types.js").Layer} layer
 */
export function fieldsOf(layer) {
  return WANTED.filter((name) => layer.fields.some((field) => field.name === name));
}

/** Rows of events; each signal changes alone, so that nothing that stays the same is drawn again. */
export class EventFeed {
  /** Shown rows, the newest first. */
  rows = signal(/** @type {Feature[]} */ ([]));
  /** New events that wait to be shown, the newest first. */
  waiting = signal(/** @type {Feature[]} */ ([]));
  total = signal(/** @type {number | null} */ (null));
  busy = signal(false);
  fault = signal(/** @type {unknown} */ (null));
  /** Whether rows may be older than the server's. */
  stale = signal(false);
  /** Whether anything was read for the present question. */
  ready = signal(false);
  /** @type {string | null} */
  #next = null;
  /** @type {Asked} */
  #asked = { filter: "", at: null, fields: [] };
  #question = 0;

  get hasMore() {
    return this.#next !== null;
  }

  /**
   * Whether an event is in the list, or waits to be.
   * @param {string} id
   */
  has(id) {
    return [this.rows, this.waiting].some(({ value }) => value.some((row) => row.id === id));
  }

  /**
   * Ask anew; the rows before stay until the answer is there.
   * @param {Asked} asked
   * @param {number} [least]  how many rows are read at least: as many as before, so that nobody loses his place
   */
  async ask(asked, least = PAGE) {
    this.#asked = asked;
    const question = ++this.#question;
    await this.#reading(question, async () => {
      let page = await this.#page(this.#path(asked.filter, { limit: String(Math.min(Math.max(least, PAGE), 1000)) }));
      if (question !== this.#question) return;
      this.#next = page.next;
      this.rows.value = page.features;
      this.waiting.value = [];
      this.total.value = page.total;
      this.ready.value = true;
    });
  }

  /** Read the same rows again. */
  async again() {
    await this.ask(this.#asked, this.rows.value.length);
  }

  /** Read the next page. */
  async more() {
    if (!this.#next || this.busy.value) return;
    const question = this.#question;
    const path = this.#next;
    await this.#reading(question, async () => {
      const page = await this.#page(path);
      if (question !== this.#question) return;
      const known = new Set(this.rows.value.map(({ id }) => id));
      this.#next = page.next;
      this.rows.value = [...this.rows.value, ...page.features.filter(({ id }) => !known.has(id))];
    });
  }

  /**
   * Read changed events: those that match replace their rows, the others leave them; new ones wait.
   * @param {Set<string> | null} ids  null when any event may have changed
   */
  async patch(ids) {
    const { filter, at } = this.#asked;
    if (at !== null || !this.ready.value) return;
    const question = this.#question;
    await this.#reading(question, async () => {
      const found = ids === null || ids.size > IDS_MAX ? await this.#window(filter) : await this.#some(filter, ids);
      if (question === this.#question) this.#merge(found);
    });
  }

  /** Show the events that wait. */
  reveal() {
    this.rows.value = [...this.waiting.value, ...this.rows.value].sort(newestFirst);
    this.waiting.value = [];
  }

  /**
   * @param {string} filter
   * @param {Set<string>} ids
   */
  async #some(filter, ids) {
    const chosen = `id IN (${[...ids].map(quoted).join(", ")})`;
    const page = await this.#page(this.#path(filter ? `(${filter}) AND ${chosen}` : chosen, { limit: String(IDS_MAX) }));
    return { features: page.features, asked: ids, total: null };
  }

  /** @param {string} filter */
  async #window(filter) {
    const limit = Math.min(Math.max(this.rows.value.length, PAGE), 1000);
    const { features, total } = await this.#page(this.#path(filter, { limit: String(limit) }));
    const oldest = features.length === limit ? features.at(-1) : null;
    const inWindow = this.rows.value.filter((row) => !oldest || newestFirst(row, oldest) <= 0);
    return { features, asked: new Set(inWindow.map(({ id }) => id)), total };
  }

  /** @param {{ features: Feature[], asked: Set<string>, total: number | null }} found */
  #merge({ features, asked, total }) {
    const newer = new Map(features.map((feature) => [feature.id, feature]));
    const shown = new Set(this.rows.value.map(({ id }) => id));
    const kept = this.rows.value.filter(({ id }) => !asked.has(id) || newer.has(id));
    const rows = kept.map((row) => newer.get(row.id) ?? row);
    const last = this.#next ? rows.at(-1) : null;
    const waited = this.waiting.value.filter(({ id }) => !asked.has(id) && !newer.has(id));
    const fresh = features.filter((one) => !shown.has(one.id) && (!last || newestFirst(one, last) < 0));
    const before = this.rows.value.length + this.waiting.value.length;
    if (rows.length !== this.rows.value.length || rows.some((row, n) => row !== this.rows.value[n])) this.rows.value = rows.sort(newestFirst);
    this.waiting.value = [...fresh, ...waited].sort(newestFirst);
    if (total !== null) this.total.value = total;
    else if (this.total.value !== null) this.total.value += rows.length + this.waiting.value.length - before;
    if (!rows.length) this.reveal();
  }

  /**
   * @param {string} filter
   * @param {Record<string, string>} more
   */
  #path(filter, more) {
    const { at, fields } = this.#asked;
    const asked = { f: "json", sortby: "-occurred_at", properties: fields.join(","), ...(filter ? { filter } : {}), ...(at ? { at } : {}), ...more };
    return `ogc/collections/${LAYER}/items?${new URLSearchParams(asked)}`;
  }

  /** @param {string} path */
  async #page(path) {
    const page = await fetchJson(path);
    const next = page.links?.find((/** @type {{ rel: string }} */ link) => link.rel === "next");
    return { features: /** @type {Feature[]} */ (page.features), next: /** @type {string | null} */ (next?.href ?? null), total: /** @type {number | null} */ (page.numberMatched ?? null) };
  }

  /**
   * @param {number} question
   * @param {() => Promise<void>} read
   */
  async #reading(question, read) {
    this.busy.value = true;
    try {
      await read();
      if (question !== this.#question) return;
      this.fault.value = null;
      this.stale.value = false;
    } catch (error) {
      if (question !== this.#question) return;
      this.fault.value = error;
      this.stale.value = true;
    } finally {
      if (question === this.#question) this.busy.value = false;
    }
  }
}

/**
 * @param {Feature} one
 * @param {Feature} other
 */
export function newestFirst(one, other) {
  const [first, second] = [one, other].map(({ properties }) => Date.parse(properties["occurred_at"] ?? "") || 0);
  return Number(second) - Number(first) || (one.id < other.id ? -1 : Number(one.id > other.id));
}
