// The incident that is looked at: a place, or a feature such as an event.

import { linked } from "./link.js";

/** @typedef {{ lon: number, lat: number } | { layer: string, id: string }} Incident */

/**
 * @param {Incident | null} asked
 * @returns {string}
 */
export function writeIncident(asked) {
  if (!asked) return "";
  return "id" in asked ? `${asked.layer}/${asked.id}` : `${asked.lon.toFixed(6)},${asked.lat.toFixed(6)}`;
}

/**
 * @param {string} text
 * @returns {Incident | null}
 */
export function readIncident(text) {
  const at = text.indexOf("/");
  if (at > 0) return { layer: text.slice(0, at), id: text.slice(at + 1) };
  const [lon = NaN, lat = NaN] = text.split(",").map(Number);
  return text && Math.abs(lon) <= 180 && Math.abs(lat) <= 90 ? { lon, lat } : null;
}

/** The incident, in the link. */
export const incident = linked("incident", readIncident, writeIncident);
