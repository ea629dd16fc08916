// What the server is asked about an area: counts, rows, breakdowns, files. All with the same condition.

import { ask } from "../api.js";
import { quoted } from "./predicate.js";

/** @typedef {import("../types.js").Layer} Layer */
/** @typedef {import("../types.js").Feature} Feature */
/** @typedef {{ features: Feature[], matched: number | null, next: string | null }} RowsPage */
/** @typedef {{ name: string, count: number | string, color?: string }} Bar  a small count of people is told as "<5" */

const PAGE = 50;
const ADDRESS_MAX = 16_000; // characters; a longer condition is sent as a body
const FILTER_TYPE = "application/cql2+text";

/**
 * Ask for the items of a layer that a condition names.
 * @param {string} layer
 * @param {string} filter
 * @param {Record<string, string>} parameters
 * @param {Record<string, string>} [headers]
 */
function askItems(layer, filter, parameters, headers = {}) {
  const path = `ogc/collections/${encodeURIComponent(layer)}/items?`;
  const query = new URLSearchParams({ ...parameters, "filter-lang": "cql2-text" });
  const whole = path + new URLSearchParams({ ...Object.fromEntries(query), filter });
  if (whole.length <= ADDRESS_MAX) return ask(whole, headers);
  return ask(path + query, { ...headers, "Content-Type": FILTER_TYPE }, undefined, filter);
}

/**
 * @param {string} layer
 * @param {string} filter
 * @returns {Promise<number>}
 */
export async function countItems(layer, filter) {
  const answer = await askItems(layer, filter, { f: "json", resulttype: "hits" });
  const told = await answer.json();
  return told.numberMatched ?? told.numberMatchedAtLeast;
}

/**
 * @param {Layer} layer
 * @param {string} filter
 * @param {string} sort  a field, with - before it for the other way round; empty for the order of ids
 * @returns {Promise<RowsPage>}
 */
export async function readRows(layer, filter, sort) {
  const placed = layer.geometry_type === "Point"; // rows of points show where they are while one passes over them
  const parameters = { f: "json", limit: String(PAGE), ...(placed ? {} : { skipGeometry: "true" }), ...(sort ? { sortby: sort } : {}) };
  return pageOf(await (await askItems(layer.id, filter, parameters)).json());
}

/**
 * @param {string} path  the `next` of the page before
 * @returns {Promise<RowsPage>}
 */
export const readNext = async (path) => pageOf(await (await ask(path)).json());

/** @param {any} page */
function pageOf(page) {
  const next = page.links?.find((/** @type {{ rel: string }} */ link) => link.rel === "next");
  return { features: page.features, matched: page.numberMatched ?? page.numberMatchedAtLeast ?? null, next: next?.href ?? null };
}

/**
 * How many of each class, or in each area, the most first.
 * @param {string} layer
 * @param {string} filter
 * @param {string} by  a field with codes, or street, community, grid
 * @returns {Promise<Bar[]>}
 */
export async function readBreakdown(layer, filter, by) {
  const query = new URLSearchParams({ layer, by, f: "json", filter, "filter-lang": "cql2-text" });
  const { areas } = await (await ask(`twin/aggregate?${query}`)).json();
  const bars = areas.map((/** @type {any} */ one) => ({ name: one.name ?? one.code, count: one.count }));
  const size = (/** @type {Bar} */ { count }) => (typeof count === "number" ? count : 1);
  return bars.filter((/** @type {Bar} */ { count }) => count !== 0).sort((/** @type {Bar} */ one, /** @type {Bar} */ other) => size(other) - size(one));
}

/**
 * How many in each area of a tier, by its code; counts that are hidden because they are small are left out.
 * @param {string} layer
 * @param {string} filter
 * @param {string} tier  street, community, grid
 * @returns {Promise<Map<string, number>>}
 */
export async function readByArea(layer, filter, tier) {
  const query = new URLSearchParams({ layer, by: tier, f: "json", filter, "filter-lang": "cql2-text" });
  const { areas } = await (await ask(`twin/aggregate?${query}`)).json();
  return new Map(areas.flatMap((/** @type {any} */ { code, count }) => (typeof count === "number" ? [[code, count]] : [])));
}

/**
 * How many in each of some equal spans that end now, the oldest first.
 * @param {string} layer
 * @param {string} filter
 * @param {string} field  of a time
 * @param {{ spans: number, seconds: number, until: number }} axis  until: milliseconds of the epoch
 * @returns {Promise<{ begins: number, count: number }[]>}
 */
export async function readCourse(layer, filter, field, { spans, seconds, until }) {
  const edges = Array.from({ length: spans + 1 }, (_, at) => until - (spans - at) * seconds * 1000);
  const time = (/** @type {number} */ edge) => `TIMESTAMP(${quoted(new Date(edge).toISOString())})`;
  return eachOf(edges.slice(0, -1), async (begins, at) => {
    const within = `${field}>=${time(begins)} AND ${field}<${time(/** @type {number} */ (edges[at + 1]))}`;
    return { begins, count: await countItems(layer, `(${filter}) AND ${within}`) };
  });
}

const AT_ONCE = 4;

/**
 * The results of an action for each of some things, a few at a time.
 * @template T, R
 * @param {readonly T[]} things
 * @param {(thing: T, at: number) => Promise<R>} action
 * @returns {Promise<R[]>}
 */
export async function eachOf(things, action) {
  const results = /** @type {R[]} */ (new Array(things.length));
  let next = 0;
  const work = async () => {
    while (next < things.length) {
      const at = next++;
      results[at] = await action(/** @type {T} */ (things[at]), at);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
  return results;
}

/** @type {Record<string, { ending: string, all: Record<string, string> }>} the files that can be taken, and how all of a layer is asked for */
export const FILES = {
  geojson: { ending: "geojson", all: { f: "json", limit: "all" } },
  csv: { ending: "csv", all: { f: "csv" } },
  xlsx: { ending: "xlsx", all: { f: "xlsx" } },
  parquet: { ending: "parquet", all: { f: "parquet" } },
};

/**
 * A file of all rows of the condition.
 * @param {string} layer
 * @param {string} filter
 * @param {string} form  of `FILES`
 * @param {string} approval  number of an approval; empty for none
 * @returns {Promise<{ blob: Blob, rows: number | null, matched: number | null }>}
 */
export async function readFile(layer, filter, form, approval) {
  const answer = await askItems(layer, filter, FILES[form]?.all ?? {}, approval ? { "OneMap-Approval": approval } : {});
  const number = (/** @type {string} */ name) => (answer.headers.has(name) ? Number(answer.headers.get(name)) : null);
  return { blob: await answer.blob(), rows: number("OGC-NumberReturned"), matched: number("OGC-NumberMatched") };
}
