// Requests to the server; the cookie of a session goes with each by itself. Addresses are relative to this file's own,
// which is in ui/VERSION/app, so that they work below a proxy's path and on every page.

import { at } from "./state/time.js";

/** @typedef {import("./types.js").MapDocument} MapDocument */
/** @typedef {import("./types.js").Feature} Feature */
/** @typedef {import("./types.js").Style} Style */

const ROOT = new URL("../../../", import.meta.url).href;

/** An error response of the server. */
export class ServerError extends Error {
  /**
   * @param {number} status
   * @param {string} detail
   * @param {string} [parameter]  of the request that the answer is about
   */
  constructor(status, detail, parameter = "") {
    super(detail);
    this.status = status;
    this.parameter = parameter;
  }
}

/**
 * The full URL of a path below the service's own; the braces of a tile's URL are not escaped.
 * @param {string} path
 */
export function address(path) {
  return /^https?:/.test(path) ? path : ROOT + path;
}

const HAS_PAST = /\/(?:tiles\/[^?]+\.mvt|ogc\/collections\/[^/]+\/items|twin\/(?:aggregate|overview|nearby|cameras-seeing|nearest-resources|responsibility|areas\/[^/]+\/features|locate|patrols|features\/[^/]+\/[^/]+\/related))/;

/**
 * The address of a page or tile as of a moment; what names a moment itself, or has no past, stays as it is.
 * @param {string} url
 * @param {string | null} moment  null is now
 */
export function asOf(url, moment) {
  if (moment === null || !HAS_PAST.test(`/${url}`) || /[?&]at=/.test(url)) return url;
  return `${url}${url.includes("?") ? "&" : "?"}at=${encodeURIComponent(moment)}`;
}

/**
 * Ask the server.
 * @param {string} path
 * @param {Record<string, string>} [headers]
 * @param {AbortSignal} [signal]  ends it
 * @param {string | null} [body]  sent with POST
 * @param {string | null} [moment]  as of which; that of the page by default, null is now
 * @returns {Promise<Response>}
 * @throws {ServerError} when it refuses; TypeError when it does not answer
 */
export async function ask(path, headers = {}, signal = undefined, body = null, moment = at.value) {
  const answer = await fetch(asOf(address(path), moment), { headers, cache: "no-store", ...(signal ? { signal } : {}), ...(body === null ? {} : { method: "POST", body }) });
  if (answer.ok || answer.status === 304) return answer;
  const problem = await answer.json().catch(() => ({}));
  throw new ServerError(answer.status, problem.detail ?? problem.description ?? answer.statusText, problem.parameter ?? "");
}

/**
 * A document of the server, never one that the browser kept.
 * @param {string} path
 * @param {string | null} [moment]  as of which; that of the page by default, null is now
 * @returns {Promise<any>}
 */
export async function fetchJson(path, moment = at.value) {
  return (await ask(path, {}, undefined, null, moment)).json();
}

let etag = "";

/**
 * The description of the map: the same object when nothing has changed, and the same with other counts when only rows have.
 * @param {MapDocument | null} known
 * @returns {Promise<MapDocument>}
 */
export async function fetchMap(known) {
  if (known && etag) {
    const answer = await ask("map.json?only=counts", { "If-None-Match": etag });
    if (answer.status === 304) return known;
    const { structure, layers } = await answer.json();
    if (structure === known.structure) {
      etag = answer.headers.get("ETag") ?? "";
      return { ...known, layers: known.layers.map((layer) => ({ ...layer, ...layers[layer.id] })) };
    }
  }
  const map = await (await ask("map.json")).json();
  etag = '""'; // of no counts: the next request learns it
  return map;
}

/** @type {Map<string, { etag: string, style: Style }>} by theme */
const styles = new Map();

/**
 * A style of the map; the same object as before when it has not changed on the server.
 * @param {string} theme
 * @returns {Promise<Style>}
 */
export async function fetchStyle(theme) {
  const kept = styles.get(theme);
  const answer = await ask(`styles/${encodeURIComponent(theme)}.json`, kept ? { "If-None-Match": kept.etag } : {});
  if (kept && answer.status === 304) return kept.style;
  const style = ours(await answer.text());
  styles.set(theme, { etag: answer.headers.get("ETag") ?? "", style });
  return style;
}

/**
 * Parse a style. Its full URLs hold the server's own address; below a proxy's path the page's address replaces it.
 * @param {string} text
 * @returns {Style}
 */
function ours(text) {
  const style = JSON.parse(text);
  const [served, known] = [style.metadata["onemap:base"], address("").slice(0, -1)];
  return served === known ? style : JSON.parse(text.replaceAll(`"${served}/`, `"${known}/`));
}

export function forgetMap() {
  etag = "";
  styles.clear();
}

/**
 * @param {string} layer
 * @param {string} id
 * @param {string} [format]
 */
export function featurePath(layer, id, format = "html") {
  return `ogc/collections/${encodeURIComponent(layer)}/items/${encodeURIComponent(id)}?f=${format}`;
}

/**
 * @param {string} layer
 * @param {string} id
 * @returns {Promise<Feature>}
 */
export async function fetchFeature(layer, id) {
  return (await ask(featurePath(layer, id, "json"))).json();
}

/**
 * One page of a layer, and the address of the next one.
 * @param {string} path  of the first page, or the `next` link of the page before
 * @param {AbortSignal} [signal]
 * @param {string | null} [moment]  as of which; that of the page by default, null is now
 * @returns {Promise<{ features: Feature[], next: string | null }>}
 */
export async function fetchPage(path, signal, moment = at.value) {
  const page = await (await ask(path, {}, signal, null, moment)).json();
  const next = page.links?.find((/** @type {{rel: string}} */ link) => link.rel === "next");
  return { features: page.features, next: next?.href ?? null };
}

/** @param {string} layer */
export function firstPage(layer) {
  return `ogc/collections/${encodeURIComponent(layer)}/items?f=json&limit=20&skipGeometry=true`;
}
