// A coordinate in what somebody typed: two numbers, or degrees with minutes and seconds, in either order.

/** @typedef {{ lon: number, lat: number }} Place */

/** @type {readonly { crs: string, key: string }[]} datums of what is typed; which one it is cannot be seen, so it is asked */
export const DATUMS = [
  { crs: "OGC:CRS84", key: "search.datum.cgcs2000" },
  { crs: "gcj02", key: "search.datum.gcj02" },
  { crs: "bd09", key: "search.datum.bd09" },
];
const NUMBER = /(\d{1,3}(?:\.\d+)?)\s*(?:[\u00b0\u5ea6d]\s*(?:(\d{1,2}(?:\.\d+)?)\s*['\u2032\u5206]\s*(?:(\d{1,2}(?:\.\d+)?)\s*["\u2033\u79d2])?)?)?\s*([NEne]|\u5317\u7eac|\u4e1c\u7ecf)?/g;

/**
 * The place that a text names; null where it names none. Of two numbers the one above 90 is the longitude; where neither
 * is, the first is.
 * @param {string} text
 * @returns {Place | null}
 */
export function readCoordinate(text) {
  const found = [...text.matchAll(NUMBER)].filter(([whole]) => whole.trim());
  const rest = text.replace(NUMBER, "").replace(/[\s,;/\uff0c\uff1b\u3001]|\u5317\u7eac|\u4e1c\u7ecf|[NE]/gi, "");
  if (found.length !== 2 || rest || !/\d[.\u00b0\u5ea6]/.test(text)) return null;
  const [one = NaN, other = NaN] = found.map(([, degrees, minutes, seconds]) => Number(degrees) + Number(minutes ?? 0) / 60 + Number(seconds ?? 0) / 3600);
  const swapped = other > 90 && one <= 90;
  const place = swapped ? { lon: other, lat: one } : { lon: one, lat: other };
  return place.lon <= 180 && place.lat <= 90 ? place : null;
}
