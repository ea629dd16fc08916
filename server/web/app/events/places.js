// The names of streets and communities, for the areas of events and for the filter by area.

import { signal } from "../../vendor/signals.mjs";
import { fetchJson } from "../api.js";

/** @typedef {{ code: string, name: string }} Place */

/** @type {Record<string, string>} the field with the code of an area, by layer */
const CODE = { districts: "district_code", streets: "street_code", communities: "community_code" };
const PAGE = 1000;

export const streets = signal(/** @type {Place[]} */ ([]));
/** @type {import("../../vendor/signals.mjs").Signal<Map<string, string>>} names by code, of the district, its streets and communities */
export const names = signal(new Map());
let asked = "";

/**
 * Read the names that a reader may see, once for each reader; without them the codes are shown.
 * @param {import("../types.js").State} state
 */
export async function learnNames(state) {
  const reader = state.account?.id ?? "-";
  if (asked === reader) return;
  asked = reader;
  const layers = (state.map?.layers ?? []).filter(({ id }) => id in CODE);
  const found = await Promise.all(layers.map((layer) => read(layer).catch(() => ({ id: layer.id, places: /** @type {Place[]} */ ([]) }))));
  const places = found.flatMap((one) => one.places);
  names.value = new Map(places.map(({ code, name }) => [code, name]));
  streets.value = (found.find((one) => one.id === "streets")?.places ?? []).sort((one, other) => one.name.localeCompare(other.name, "zh-CN"));
}

/**
 * @param {import("../types.js").Layer} layer
 * @returns {Promise<{ id: string, places: Place[] }>}
 */
async function read(layer) {
  const code = layer.fields.find(({ name }) => name === CODE[layer.id])?.name;
  const properties = code ? `name,${code}` : "name";
  const page = await fetchJson(`ogc/collections/${layer.id}/items?f=json&limit=${PAGE}&skipGeometry=true&properties=${properties}`);
  const places = page.features.map((/** @type {any} */ { id, properties: { name, ...rest } }) => ({ code: String((code && rest[code]) ?? id), name }));
  return { id: layer.id, places: places.filter((/** @type {Place} */ { name }) => name) };
}

/**
 * Where an event is: its community and street by name, or the district that it is about as a whole; else the code.
 * @param {Record<string, any>} properties  of an event
 */
export function placeOf(properties) {
  const code = String(properties["area_code"] ?? "");
  const street = names.value.get(code.slice(0, 9));
  const community = code.length > 9 ? names.value.get(code.slice(0, 12)) : undefined;
  const district = /^\d{6}0*$/.test(code) ? names.value.get(code.slice(0, 6)) : undefined;
  return [street, community].filter(Boolean).join(" · ") || district || code;
}
