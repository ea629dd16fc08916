// The incident on the map: its place, the rings, the routes of the nearest resources, the cameras that see it.

import { circle } from "../draw/geodesy.js";
import { drawn } from "../state/overlays.js";
import { RINGS_M } from "./read.js";

/** @typedef {import("../state/findings.js").Findings} Findings */
/** @typedef {import("../state/overlays.js").Drawn} Drawn */

/**
 * @param {Findings} found
 * @returns {Drawn[]}
 */
export function drawnIncident(found) {
  const place = /** @type {[number, number]} */ ([found.lon, found.lat]);
  const rings = RINGS_M.flatMap((radius_m) => {
    const ring = circle(place, radius_m);
    return [drawn("ring", { type: "LineString", coordinates: ring }), drawn("label", { type: "Point", coordinates: ring[0] }, `${radius_m} m`)];
  });
  const resources = found.resources.status === "ready" ? found.resources.value.features : [];
  const routes = resources.flatMap((/** @type {any} */ one) => (one.properties.route ? [drawn("route", one.properties.route)] : []));
  const ends = resources.flatMap((/** @type {any} */ one, /** @type {number} */ at) =>
    one.geometry?.type === "Point" ? [drawn("resource", one.geometry, String(at + 1))] : []);
  const cameras = found.cameras.status === "ready" ? found.cameras.value.features : [];
  const sights = cameras
    .filter((/** @type {any} */ one) => one.properties.visible === true && one.geometry?.type === "Point")
    .map((/** @type {any} */ one) => drawn("sight", { type: "LineString", coordinates: [one.geometry.coordinates, place] }));
  return [...rings, ...routes, ...sights, ...ends, ...found.plot, drawn("place", { type: "Point", coordinates: place }, found.title)];
}

/**
 * The box around the rings, degrees.
 * @param {{ lon: number, lat: number }} spot
 * @returns {[number, number, number, number]}
 */
export function boxAround({ lon, lat }) {
  const ring = circle([lon, lat], /** @type {number} */ (RINGS_M.at(-1)));
  const [lons, lats] = [ring.map((place) => place[0]), ring.map((place) => place[1])];
  return [Math.min(...lons), Math.min(...lats), Math.max(...lons), Math.max(...lats)];
}
