// Where the phone is, and what lies there: its grid, community and those who answer for it.

import { signal } from "../../vendor/signals.mjs";
import { fetchLocated } from "../phone/requests.js";

/** @typedef {import("../phone/requests.js").Given} Given */
/** @typedef {import("../phone/requests.js").Located} Located */
/** @typedef {Given & { accuracy_m: number, speed_mps: number | null, heading_deg: number | null, at: string }} PhonePlace */

const STORED = "onemap.datum";
const MOVED_M = 25;
/** The datums that a phone's own map may give; the first is that of its satellites. */
export const DATUMS = ["OGC:CRS84", "gcj02", "bd09"];

/** @type {import("../../vendor/signals.mjs").Signal<PhonePlace | null>} */
export const place = signal(null);
/** @type {import("../../vendor/signals.mjs").Signal<Located | null>} */
export const located = signal(null);
/** Why there is no place: a key of the texts, or empty. */
export const placeFault = signal("");
export const datum = signal(known(localStorage.getItem(STORED)));

/** @param {string | null} name */
function known(name) {
  return DATUMS.find((one) => one === name) ?? "OGC:CRS84";
}

/** @param {string} name */
export function chooseDatum(name) {
  datum.value = known(name);
  localStorage.setItem(STORED, datum.value);
  if (place.value) take({ ...place.value, crs: datum.value });
}

/** Ask where the phone is, now and whenever it moves. @returns {() => void} stops asking */
export function watchPlace() {
  if (!("geolocation" in navigator)) {
    placeFault.value = "phone.place.missing";
    return () => {};
  }
  const watching = navigator.geolocation.watchPosition(onPlace, onFault, { enableHighAccuracy: true, maximumAge: 10_000, timeout: 60_000 });
  return () => navigator.geolocation.clearWatch(watching);
}

/** @param {GeolocationPosition} position */
function onPlace({ coords, timestamp }) {
  placeFault.value = "";
  take({
    lon: coords.longitude,
    lat: coords.latitude,
    crs: datum.value,
    accuracy_m: Math.round(coords.accuracy),
    speed_mps: coords.speed,
    heading_deg: coords.heading,
    at: new Date(timestamp).toISOString(),
  });
}

/** @param {GeolocationPositionError} error */
function onFault(error) {
  placeFault.value = error.code === error.PERMISSION_DENIED ? "phone.place.denied" : "phone.place.lost";
}

/** @type {Given | null} the place that was located last */
let asked = null;

/** @param {PhonePlace} next */
function take(next) {
  place.value = next;
  if (asked && asked.crs === next.crs && metresBetween(asked, next) < MOVED_M && located.value) return;
  void locate();
}

/** Ask the phone anew, and what lies there. */
export function relocate() {
  navigator.geolocation?.getCurrentPosition(onPlace, onFault, { enableHighAccuracy: true, maximumAge: 0, timeout: 60_000 });
  void locate();
}

/** Ask again what lies at the place; what was known stays while the line is gone. */
export async function locate() {
  const given = place.value;
  if (!given) return;
  asked = given;
  try {
    const answer = await fetchLocated(given);
    if (asked === given) located.value = answer;
  } catch {
    if (asked === given) asked = null; // the next position asks again
  }
}

/**
 * How far a feature is from here, also where the list of it was read before the place was known; null where nobody knows.
 * @param {import("../types.js").Feature} feature
 * @returns {number | null}
 */
export function metresTo({ geometry, properties }) {
  const here = located.value;
  if (!here || geometry?.type !== "Point") return properties["distance_m"] ?? null;
  return metresBetween(here, { lon: geometry.coordinates[0], lat: geometry.coordinates[1] });
}

/**
 * @param {{ lon: number, lat: number }} one
 * @param {{ lon: number, lat: number }} other
 */
export function metresBetween(one, other) {
  const east = (other.lon - one.lon) * 111_320 * Math.cos((one.lat * Math.PI) / 180);
  return Math.hypot(east, (other.lat - one.lat) * 111_320);
}
