// The hash of the address: #zoom/lat/lon, the selected feature, toggled layers, the style, the listed layer, the third
// dimension, the face and the open tab; a link restores them.

import { knownFace } from "./faces.js";
import { USUAL_THEME } from "./theme.js";

/** @typedef {import("./types.js").View} View */
/** @typedef {import("./types.js").Hit} Hit */

/**
 * @param {string} hash
 * @returns {{ view: View | null, selected: Hit | null, toggled: Set<string>, theme: string | null, listed: string, relief: boolean,
 *   face: import("./faces.js").FaceName | null, tab: string, topic: string, opacities: Record<string, number>, order: string[] }}
 */
export function readHash(hash) {
  const [place = "", ...rest] = hash.replace(/^#/, "").split("&");
  const [zoom, lat, lon, bearing = 0, pitch = 0] = place.split("/").map(Number);
  const options = new URLSearchParams(rest.join("&"));
  const [layer, id] = (options.get("sel") ?? "").split("/").map(decoded);
  return {
    view: isPlace(zoom, lat, lon) ? { zoom: Number(zoom), lat: Number(lat), lon: Number(lon), ...turned(bearing, pitch) } : null,
    selected: layer && id ? { layer, id } : null,
    toggled: new Set(several(options, "layers")),
    theme: options.get("style"),
    listed: options.get("list") ?? "",
    relief: options.get("3d") === "1",
    face: knownFace(options.get("face")),
    tab: options.get("tab") ?? (options.get("incident") ? "incident" : ""),
    topic: options.get("theme") ?? "",
    opacities: Object.fromEntries(several(options, "opacity").map((one) => one.split(":")).map(([id = "", share]) => [id, shareOf(share)])),
    order: several(options, "order"),
  };
}

/**
 * @param {URLSearchParams} options
 * @param {string} name
 */
function several(options, name) {
  return (options.get(name) ?? "").split(",").filter(Boolean);
}

/** @param {string | undefined} text */
function shareOf(text) {
  const share = Number(text);
  return share >= 0 && share <= 1 ? share : 1;
}

/** @param {string} text */
function decoded(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return "";
  }
}

/**
 * @param {number | undefined} zoom
 * @param {number | undefined} lat
 * @param {number | undefined} lon
 */
function isPlace(zoom = NaN, lat = NaN, lon = NaN) {
  return zoom >= 0 && zoom <= 24 && Math.abs(lat) <= 85.06 && Math.abs(lon) <= 180;
}

/**
 * @param {number} bearing
 * @param {number} pitch
 */
function turned(bearing, pitch) {
  return Math.abs(bearing) <= 180 && pitch >= 0 && pitch <= 85 ? { bearing, pitch } : { bearing: 0, pitch: 0 };
}

/**
 * @param {View | null} view
 * @param {Hit | undefined} selected
 * @param {Pick<import("./types.js").State, "toggled" | "theme" | "mode" | "listed" | "relief" | "face" | "tab" | "topic" | "opacities" | "order">} state
 */
export function writeHash(view, selected, { toggled, theme, mode, listed, relief, face, tab, topic, opacities, order }) {
  const turn = view && (view.bearing || view.pitch) ? `/${Number(view.bearing.toFixed(1))}/${Number(view.pitch.toFixed(1))}` : "";
  const place = view ? `${view.zoom.toFixed(2)}/${view.lat.toFixed(5)}/${view.lon.toFixed(5)}${turn}` : "";
  const parts = [place];
  if (selected) parts.push(`sel=${selected.layer}/${encodeURIComponent(encodeURIComponent(selected.id))}`);
  if (topic) parts.push(`theme=${encodeURIComponent(topic)}`);
  if (toggled.size) parts.push(`layers=${[...toggled].sort().join(",")}`);
  const shares = Object.entries(opacities).map(([id, share]) => `${id}:${share}`);
  if (shares.length) parts.push(`opacity=${shares.sort().join(",")}`);
  if (order.length) parts.push(`order=${order.join(",")}`);
  if (theme !== USUAL_THEME) parts.push(`style=${encodeURIComponent(theme)}`);
  if (mode === "list" && listed) parts.push(`list=${encodeURIComponent(listed)}`);
  if (relief) parts.push("3d=1");
  if (face) parts.push(`face=${face}`);
  if (tab) parts.push(`tab=${encodeURIComponent(tab)}`);
  return `#${parts.join("&")}`;
}
