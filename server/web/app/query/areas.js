// The areas of the district, found by name or code; and the ground of the area that is asked about.

import { fetchJson, featurePath } from "../api.js";
import { AREA_LAYERS, layerOfCode, quoted } from "./predicate.js";

/** @typedef {import("../types.js").State} State */
/** @typedef {import("../state/area.js").Area} Area */
/** @typedef {import("../state/area.js").CodedArea} CodedArea */

const FOUND_EACH = 5;

/**
 * Areas whose name or code begins with, or contains, a text.
 * @param {string} text
 * @param {State} state
 * @returns {Promise<CodedArea[]>}
 */
export async function findAreas(text, state) {
  const asked = text.trim().slice(0, 60);
  if (!asked) return [];
  const layers = AREA_LAYERS.filter((id) => state.map?.layers.some((layer) => layer.id === id));
  const found = await Promise.all(layers.map((layer) => findIn(layer, asked)));
  return found.flat();
}

/**
 * @param {string} layer
 * @param {string} text
 * @returns {Promise<CodedArea[]>}
 */
async function findIn(layer, text) {
  const like = text.replace(/[\\%_]/g, "\\$&");
  const filter = `name LIKE ${quoted(`%${like}%`)} OR id LIKE ${quoted(`${like}%`)}`;
  const query = new URLSearchParams({ f: "json", limit: String(FOUND_EACH), skipGeometry: "true", filter, "filter-lang": "cql2-text", sortby: "id" });
  const { features } = await fetchJson(`ogc/collections/${layer}/items?${query}`, null);
  return features.map((/** @type {any} */ { id, properties }) => ({ layer, code: String(id), title: properties.name ?? String(id) }));
}

/**
 * The areas of who is logged in: those that the account is bound to.
 * @param {State} state
 * @returns {CodedArea[]}
 */
export function ownAreas({ account }) {
  return (account?.areas ?? []).flatMap((code) => {
    const layer = layerOfCode(code);
    return layer ? [{ layer, code, title: "" }] : [];
  });
}

/**
 * The ground of an area and its name, of today whatever moment is counted; the geometry of a box is null.
 * @param {Area} area
 * @returns {Promise<{ geometry: any, title: string }>}
 */
export async function readGround(area) {
  if ("geometry" in area) return { geometry: area.geometry, title: area.title };
  if ("bbox" in area) return { geometry: null, title: area.title };
  const feature = await fetchJson(featurePath(area.layer, area.code, "json"), null);
  return { geometry: feature.geometry, title: feature.properties["name"] ?? area.title ?? area.code };
}

/**
 * A shape that somebody typed: west,south,east,north; lon,lat and a radius in metres; or three places and more, with blanks.
 * @param {string} text
 * @returns {{ bbox: [number, number, number, number] } | { round: [number, number, number] } | { places: [number, number][] } | null}
 */
export function readTyped(text) {
  const parts = text.trim().split(/[\s;；]+/).map((part) => part.split(/[,，]/).map(Number));
  if (!text.trim() || parts.flat().some((number) => !Number.isFinite(number))) return null;
  const [first = [], second = []] = parts;
  if (parts.length === 1 && first.length === 4) return { bbox: /** @type {[number, number, number, number]} */ (first) };
  if (parts.length === 1 && first.length === 3) return { round: /** @type {[number, number, number]} */ (first) };
  if (parts.length === 2 && first.length === 2 && second.length === 1) return { round: /** @type {[number, number, number]} */ ([...first, ...second]) };
  return parts.length >= 3 && parts.every((part) => part.length === 2) ? { places: /** @type {[number, number][]} */ (parts) } : null;
}
