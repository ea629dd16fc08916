// The questions about an incident's place, to the operations of the server.

import { ask, fetchFeature } from "../api.js";
import { circle, distance_m } from "../draw/geodesy.js";
import { nameOf, layerOf } from "../store.js";

/** @typedef {import("../types.js").State} State */
/** @typedef {import("../state/findings.js").Near} Near */
/** @typedef {import("../state/findings.js").RingRow} RingRow */
/** @typedef {{ lon: number, lat: number }} Spot */

export const RINGS_M = [300, 500, 1000];
const NEAR_MAX = 40; // of each layer in the list
const LAYERS_MAX = 20;
const SIGHT_M = 500;
const RESOURCES = 6;
const EVENTS = "events";
const NOT_LISTED = new Set(["districts", "streets", "communities", "grids", "roads", "buildings", "addresses", EVENTS]);
const OPEN = "stage NOT IN ('merged', 'voided', 'closed')";

const json = async (/** @type {string} */ path) => (await ask(path)).json();
const at = ({ lon, lat } = /** @type {Spot} */ ({ lon: 0, lat: 0 }), more = {}) => new URLSearchParams({ lon: String(lon), lat: String(lat), ...more });

/**
 * The place and the title of an incident.
 * @param {import("../state/incident.js").Incident} incident
 * @param {State} state
 * @returns {Promise<{ lon: number, lat: number, title: string, matter: string, severity: string }>}
 * @throws {Error} when a feature has no place
 */
export async function readPlace(incident, state) {
  if (!("id" in incident)) return { ...incident, title: `${incident.lon.toFixed(5)}, ${incident.lat.toFixed(5)}`, matter: "", severity: "" };
  const feature = await fetchFeature(incident.layer, incident.id);
  const [lon, lat] = middle(feature.geometry);
  const title = String(nameOf(layerOf(state, incident.layer), feature) ?? incident.id);
  return { lon, lat, title, matter: String(feature.properties["event_class"] ?? ""), severity: String(feature.properties["severity"] ?? "") };
}

/**
 * A place that stands for a geometry: the point, or the middle of its box.
 * @param {any} geometry
 * @returns {[number, number]}
 */
function middle(geometry) {
  const places = /** @type {number[][]} */ ([]);
  const walk = (/** @type {any} */ part) => (typeof part?.[0] === "number" ? places.push(part) : part?.forEach(walk));
  walk(geometry?.coordinates);
  if (!places.length) throw new Error("this feature has no place");
  const half = (/** @type {number} */ axis) => {
    const along = places.map((place) => place[axis] ?? 0);
    return (Math.min(...along) + Math.max(...along)) / 2;
  };
  return [half(0), half(1)];
}

export const readWhere = (/** @type {Spot} */ spot) => json(`twin/locate?${at(spot)}`);
export const readCameras = (/** @type {Spot} */ spot) => json(`twin/cameras-seeing?${at(spot, { max_m: String(SIGHT_M) })}`);
export const readResources = (/** @type {Spot} */ spot) => json(`twin/nearest-resources?${at(spot, { n: String(RESOURCES) })}`);
export const readChain = (/** @type {Spot} */ spot, /** @type {string} */ matter) => json(`twin/responsibility?${at(spot, matter ? { matter } : {})}`);
export const readPatrols = (/** @type {Spot} */ spot) => json(`twin/patrols?${at(spot, { radius_m: "1000" })}`);

/**
 * What is near, by ring: how many of each layer, and a list of the nearest ones. Of events only open ones.
 * @param {Spot} spot
 * @param {State} state
 * @returns {Promise<{ rows: RingRow[], features: Near[] }>}
 */
export async function readRings(spot, state) {
  const layers = (state.map?.layers ?? []).filter((layer) => layer.geometry_type !== "None" && layer.count > 0);
  const names = layers.filter(({ id }) => !NOT_LISTED.has(id)).slice(0, LAYERS_MAX).map(({ id }) => id);
  const around = (/** @type {number} */ radius_m, /** @type {number} */ limit) =>
    names.length ? json(`twin/nearby?${at(spot, { radius_m: String(radius_m), layers: names.join(), limit: String(limit) })}`) : { layers: [], features: [] };
  const most = /** @type {number} */ (RINGS_M.at(-1));
  const [events, ...answers] = await Promise.all([
    layers.some(({ id }) => id === EVENTS) ? readEvents(spot, most) : null,
    ...RINGS_M.map((radius_m) => around(radius_m, radius_m === most ? NEAR_MAX : 1)),
  ]);
  const matched = answers.map((answer) => new Map(answer.layers.map((/** @type {any} */ one) => [one.id, one.number_matched])));
  const rows = names.map((layer) => ({ layer, counts: matched.map((counts) => counts.get(layer) ?? 0) })).filter(({ counts }) => counts.at(-1) > 0);
  const features = answers.at(-1).features;
  if (!events) return { rows, features };
  const within = RINGS_M.map((radius_m) => events.features.filter(({ properties }) => properties["distance_m"] <= radius_m).length);
  const counts = within.map((count) => (events.whole ? count : null));
  return { rows: [{ layer: EVENTS, counts }, ...rows], features: [...events.features, ...features].sort(byDistance) };
}

const byDistance = (/** @type {Near} */ one, /** @type {Near} */ other) => one.properties["distance_m"] - other.properties["distance_m"];

/**
 * Open events around a place, with their distance.
 * @param {Spot} spot
 * @param {number} radius_m
 * @returns {Promise<{ features: Near[], whole: boolean }>}
 */
async function readEvents({ lon, lat }, radius_m) {
  const ring = circle([lon, lat], radius_m * 1.002); // its edges lie within the true circle
  const filter = `${OPEN} AND S_INTERSECTS(geom,POLYGON((${ring.map((place) => place.join(" ")).join(",")})))`;
  const query = new URLSearchParams({ f: "json", limit: "500", sortby: "-occurred_at", filter, "filter-lang": "cql2-text" });
  const page = await json(`ogc/collections/${EVENTS}/items?${query}`);
  const features = page.features.map((/** @type {any} */ feature) => {
    const distance = distance_m([lon, lat], feature.geometry.coordinates);
    return { ...feature, properties: { ...feature.properties, layer: EVENTS, distance_m: distance } };
  });
  const near = features.filter((/** @type {Near} */ one) => one.properties["distance_m"] <= radius_m);
  return { features: near, whole: page.numberMatched === undefined || page.numberMatched === page.numberReturned };
}
