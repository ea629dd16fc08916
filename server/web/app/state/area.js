// The area that is asked about: an area of the district by its code, a shape that was drawn, or a box.

import { circle } from "../draw/geodesy.js";
import { linked } from "./link.js";
import { shownMap } from "./map.js";

/**
 * @typedef {{ layer: string, code: string, title: string }} CodedArea
 * @typedef {{ geometry: any, title: string, round?: [number, number, number] }} DrawnArea  round: lon, lat, radius in metres
 * @typedef {{ bbox: [number, number, number, number], title: string }} BoxArea  degrees
 * @typedef {CodedArea | DrawnArea | BoxArea} Area
 */

const round6 = (/** @type {number} */ degrees) => Number(degrees.toFixed(6));

/**
 * An area as text for a link; empty for none.
 * @param {Area | null} asked
 * @returns {string}
 */
export function writeArea(asked) {
  if (!asked) return "";
  if ("code" in asked) return `${asked.layer}/${asked.code}`;
  if ("bbox" in asked) return `bbox/${asked.bbox.map(round6).join(",")}`;
  if (asked.round) return `circle/${asked.round.map(round6).join(",")}`;
  const ring = /** @type {[number, number][]} */ (asked.geometry.coordinates[0]);
  return `polygon/${ring.slice(0, -1).map((place) => place.map(round6).join(",")).join(";")}`;
}

/**
 * The area of a link; null for a text that names none. Its title is that of the text until a panel knows a better one.
 * @param {string} text
 * @returns {Area | null}
 */
export function readArea(text) {
  const [kind = "", rest = ""] = splitOnce(text, "/");
  if (!rest) return null;
  const places = rest.split(";").map((place) => place.split(",").map(Number));
  const numbers = places[0] ?? [];
  if (!["bbox", "circle", "polygon"].includes(kind)) return { layer: kind, code: rest, title: "" };
  if (places.flat().some((number) => !Number.isFinite(number))) return null;
  if (kind === "bbox") return numbers.length === 4 ? { bbox: /** @type {[number, number, number, number]} */ (numbers), title: "" } : null;
  if (kind === "circle") return numbers.length === 3 ? roundArea(/** @type {[number, number, number]} */ (numbers)) : null;
  return places.length >= 3 && places.every((place) => place.length === 2) ? polygonArea(/** @type {[number, number][]} */ (places)) : null;
}

/**
 * @param {[number, number, number]} round  lon, lat, radius in metres
 * @returns {DrawnArea}
 */
export function roundArea(round) {
  const [lon, lat, radius_m] = round;
  return { geometry: { type: "Polygon", coordinates: [circle([lon, lat], radius_m)] }, title: "", round };
}

/**
 * @param {[number, number][]} places  of its outline, not closed
 * @returns {DrawnArea}
 */
export function polygonArea(places) {
  const [first = [0, 0]] = places;
  return { geometry: { type: "Polygon", coordinates: [[...places, first]] }, title: "" };
}

/**
 * What the map shows now, as a box; null without a map.
 * @returns {BoxArea | null}
 */
export function viewedArea() {
  const bounds = shownMap.peek()?.getBounds();
  return bounds ? { bbox: [bounds.getWest(), bounds.getSouth(), bounds.getEast(), bounds.getNorth()], title: "" } : null;
}

/**
 * @param {string} text
 * @param {string} mark
 * @returns {string[]}
 */
function splitOnce(text, mark) {
  const at = text.indexOf(mark);
  return at < 0 ? [text] : [text.slice(0, at), text.slice(at + 1)];
}

/** The area, in the link. */
export const area = linked("area", readArea, writeArea);
