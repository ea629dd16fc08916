// Where the search looks: layers and their fields in the catalogue, features by name, code, number or plate, addresses, places.

import { ask, fetchPage } from "../api.js";
import { t, titleOf } from "../i18n.js";
import { DATUMS, readCoordinate } from "./coordinate.js";

/** @typedef {import("../types.js").State} State */
/** @typedef {import("../types.js").Layer} Layer */
/** @typedef {{ kind: "layer", layer: Layer, title: string, hint: string } | { kind: "feature", layer: Layer, id: string, title: string, hint: string }
 *   | { kind: "address", lon: number, lat: number, title: string, hint: string } | { kind: "place", lon: number, lat: number, crs: string, title: string, hint: string }} Found */

const EACH = 4;
const MOST_ROWS = 100_000; // a search reads the whole layer
const LEAST = 2; // characters
const NAMES = ["name", "title", "plate_no"];
const NUMBERS = /(^|_)(code|no|id|sn)$|^stcd$|^device_id$/;

/**
 * The places that a coordinate may mean, by datum.
 * @param {State} state
 * @param {string} text
 * @returns {Found[]}
 */
export function places(state, text) {
  const place = readCoordinate(text);
  if (!place) return [];
  const title = `${place.lon.toFixed(5)}, ${place.lat.toFixed(5)}`;
  return DATUMS.map(({ crs, key }) => ({ kind: "place", ...place, crs, title, hint: t(state.language, key) }));
}

/** @type {WeakMap<object, Promise<any>>} the index of a map's layers */
const indexes = new WeakMap();

/**
 * Layers by title, group or field, in either language.
 * @param {State} state
 * @param {string} text
 * @returns {Promise<Found[]>}
 */
export async function layers(state, text) {
  if (!state.map) return [];
  const known = indexes.get(state.map) ?? indexed(state.map.layers);
  indexes.set(state.map, known);
  const ids = (await known).search(text, { prefix: true, combineWith: "AND" }).slice(0, EACH).map((/** @type {any} */ one) => one.id);
  const { language } = state;
  const found = ids.flatMap((/** @type {string} */ id) => state.map?.layers.find((layer) => layer.id === id) ?? []); // the best first
  return found.map((/** @type {Layer} */ layer) => ({ kind: "layer", layer, title: titleOf(language, layer), hint: t(language, "search.layer", { group: titleOf(language, layer, "group") }) }));
}

/** @param {Layer[]} all */
async function indexed(all) {
  const { default: MiniSearch } = await import("../../vendor/minisearch.mjs");
  const tokenize = (/** @type {string} */ text) => text.toLowerCase().match(/[a-z0-9_]+|[\u3400-\u9fff]/g) ?? []; // Chinese by the character
  const index = new MiniSearch({ fields: ["title", "group", "fields"], tokenize, searchOptions: { boost: { title: 4, group: 2 } } });
  index.addAll(all.map((layer) => ({
    id: layer.id, title: `${layer.title_zh} ${layer.title_en} ${layer.id}`, group: `${layer.group_zh} ${layer.group_en}`,
    fields: layer.fields.filter(({ common }) => !common).map(({ title_zh: zh, title_en: en }) => `${zh} ${en}`).join(" "),
  })));
  return index;
}

/**
 * Features by name, id, code, device number or plate, as far as the reader may search them.
 * @param {State} state
 * @param {string} text
 * @param {AbortSignal} signal
 * @returns {Promise<Found[]>}
 */
export async function features(state, text, signal) {
  if (text.length < LEAST) return [];
  const asked = (state.map?.layers ?? []).filter(({ count }) => count > 0 && count <= MOST_ROWS);
  const found = await Promise.allSettled(asked.map((layer) => ofLayer(state, layer, text, signal)));
  return found.flatMap((one) => (one.status === "fulfilled" ? one.value : [])).sort((one, other) => one.title.length - other.title.length);
}

/**
 * @param {State} state
 * @param {Layer} layer
 * @param {string} text
 * @param {AbortSignal} signal
 * @returns {Promise<Found[]>}
 */
async function ofLayer(state, layer, text, signal) {
  const free = layer.fields.filter(({ masked, type, live }) => !masked && !live && type === "string").map(({ name }) => name);
  const named = free.filter((name) => NAMES.includes(name));
  const numbers = /\d/.test(text) ? free.filter((name) => NUMBERS.test(name) && !named.includes(name)) : [];
  const like = text.replaceAll("'", "''").replace(/[\\%_]/g, "\\$&");
  const tests = [...named.map((name) => `CASEI(${name}) LIKE CASEI('%${like}%')`), ...numbers.map((name) => `${name} LIKE '${like}%'`), ...(numbers.length ? [`id LIKE '${like}%'`] : [])];
  if (!tests.length) return [];
  const query = new URLSearchParams({ f: "json", limit: String(EACH), skipGeometry: "true", filter: tests.join(" OR ") });
  const page = await fetchPage(`ogc/collections/${encodeURIComponent(layer.id)}/items?${query}`, signal);
  const hint = titleOf(state.language, layer);
  return page.features.map(({ id, properties }) => ({ kind: "feature", layer, id, title: String(properties["name"] || properties["title"] || properties["plate_no"] || id), hint }));
}

/**
 * Standard addresses.
 * @param {State} state
 * @param {string} text
 * @param {AbortSignal} signal
 * @returns {Promise<Found[]>}
 */
export async function addresses(state, text, signal) {
  if (text.length < LEAST || !state.map?.layers.some(({ id }) => id === "addresses")) return [];
  const answer = await (await ask(`twin/addresses?${new URLSearchParams({ q: text, limit: String(EACH) })}`, {}, signal)).json();
  const seen = answer.candidates.filter((/** @type {any} */ one) => one.lon !== null);
  return seen.map((/** @type {any} */ one) => ({ kind: "address", lon: one.lon, lat: one.lat, title: one.address, hint: t(state.language, "search.address") }));
}

/**
 * A typed place in CGCS2000, with the areas it lies in.
 * @param {{ lon: number, lat: number, crs: string }} place
 * @returns {Promise<{ lon: number, lat: number, street: { name: string } | null, grid: { code: string } | null }>}
 */
export async function located({ lon, lat, crs }) {
  return (await ask(`twin/locate?${new URLSearchParams({ lon: String(lon), lat: String(lat), crs })}`)).json();
}
