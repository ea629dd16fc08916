// Things that move: a small source of their own, which the stream of changes feeds. A moving car asks for no tile.

import { ServerError } from "../api.js";
import { effect } from "../../vendor/signals.mjs";
import { follow } from "../live.js";
import { at } from "../state/time.js";
import { isVisible } from "../store.js";
import { span } from "../time/windows.js";
import { topicOf } from "../topics.js";
import { lookAhead, nextMoment, pageOf } from "./ahead.js";
import { holdFrames } from "./curtain.js";
import { holdIdle } from "./idle.js";
import { paced } from "./pace.js";

/** @typedef {import("../store.js").Store} Store */
/** @typedef {import("../types.js").State} State */
/** @typedef {import("../types.js").Layer} Layer */
/** @typedef {import("maplibre-gl").Map} MapLibre */
/** @typedef {[number, number]} LonLat */
/** @typedef {{ from: LonLat, to: LonLat, began: number }} Move */

const MOST = 5000; // above it a source of GeoJSON is slow, and tiles are asked for
const TICK_MS = 200;
const GLIDE_MS = 1000; // from one position to the next
const JUMP_DEG = 0.02; // farther than that nothing glides

/** @typedef {{ features: Map<string, any>, moves: Map<string, Move>, loaded: string }} Movers */

/** @type {Map<string, Movers>} by layer: one page has one map */
const movers = new Map();

/** @type {Set<string>} layers, each with its reader, of which the reader may not take so many features at once: tiles show them */
const refused = new Set();

/**
 * Whether a layer is drawn from its own source: its features move, there are not too many, and its reader may take them.
 * @param {Layer} layer
 * @param {State} state
 */
export function isHot(layer, state) {
  return !state.still && layer.count <= Math.min(MOST, layer.most_at_once ?? MOST) && !refused.has(`${state.reader}/${layer.id}`) && layer.fields.some(({ live }) => live?.source === "position");
}

/**
 * The features of a hot layer as they stand now.
 * @param {string} id
 */
export function hotData(id) {
  return { type: "FeatureCollection", features: [...(movers.get(id)?.features.values() ?? [])] };
}

/** @type {WeakMap<MapLibre, Promise<unknown>>} the first reading of each map */
const begun = new WeakMap();

/**
 * Read what moves as soon as there is a map, beside its tiles and not after them.
 * @param {MapLibre} map
 * @param {Store} store
 */
export function beginMoving(map, store) {
  const reading = load(map, store, true);
  begun.set(map, reading);
  holdIdle(map, reading);
}

/**
 * The layers that a page draws so.
 * @param {Store} store
 */
const hotLayers = (store) => (store.get().map?.layers ?? []).filter((layer) => isHot(layer, store.get()) && isVisible(store.get(), layer));

/**
 * @param {MapLibre} map
 * @param {Store} store
 * @param {boolean} again
 */
function load(map, store, again) {
  return Promise.all(hotLayers(store).map((layer) => read(map, store, layer, again).catch((error) => store.set({ online: !(error instanceof TypeError) }))));
}

/**
 * Keep the movers of a map where they are.
 * @param {MapLibre} map
 * @param {Store} store
 * @returns {() => void} stops it
 */
export function keepMoving(map, store) {
  const hot = () => hotLayers(store);
  const stop = follow(({ changes, redrawn, gap }) => {
    if (at.value) return; // the past does not move
    for (const change of changes) if (change.kind === "position") aim(change);
    const stale = hot().filter(({ id }) => redrawn.includes(id) || changes.some(({ kind, layer }) => kind === "feature" && layer === id));
    if (gap) void load(map, store, true);
    else stale.forEach((layer) => void read(map, store, layer, true).catch(console.error));
  });
  const forget = store.subscribe((now, before) => {
    if (now.map !== before.map || now.toggled !== before.toggled || now.topic !== before.topic || now.fresh !== before.fresh) void load(map, store, false);
    if (now.online && !before.online) void load(map, store, true);
  });
  let timer = setTimeout(tick, TICK_MS);
  function tick() {
    if (!document.hidden) hot().forEach(({ id }) => glide(map, id));
    timer = setTimeout(tick, paced(map, TICK_MS));
  }
  let before = at.peek();
  const still = effect(() => {
    const [from, moment] = [before, at.value];
    before = moment;
    const first = begun.get(map)?.then(() => hot().forEach(({ id }) => source(map, id)?.setData(/** @type {any} */ (hotData(id))))); // it may have come before the style
    begun.delete(map);
    const there = first ?? load(map, store, true);
    holdIdle(map, there);
    if (!first) holdFrames(map, there);
    if (moment) map.once("idle", () => moment === at.peek() && prepare(store, from, moment));
  });
  return () => {
    still();
    clearTimeout(timer);
    forget();
    stop();
  };
}

/**
 * Read what moves as of the moment to which the next step probably leads.
 * @param {Store} store
 * @param {string | null} before
 * @param {string} now  moments of the page
 */
function prepare(store, before, now) {
  const next = nextMoment(before, now, span().step_ms);
  if (next) prepareMoment(store, next);
}

/**
 * Read what moves as of a moment that is probably looked at next.
 * @param {Store} store
 * @param {string} next
 */
export function prepareMoment(store, next) {
  const state = store.get();
  const told = hotLayers(store).filter(({ past }) => past);
  lookAhead(next, state.reader, told.map((layer) => pathOf(layer, filterOf(layer, state))));
}

/**
 * @param {Layer} layer
 * @param {State} state
 */
const filterOf = (layer, state) => topicOf(state)?.layers.find(({ id }) => id === layer.id)?.filter ?? "";

/**
 * The address of all that a layer draws with.
 * @param {Layer} layer
 * @param {string} filter
 */
function pathOf(layer, filter) {
  const carried = [...new Set([...layer.tile_fields, ...(layer.label ? [layer.label] : [])])].join(",");
  const query = new URLSearchParams({ f: "json", limit: String(MOST), properties: carried, ...(filter ? { filter } : {}) });
  return `ogc/collections/${encodeURIComponent(layer.id)}/items?${query}`;
}

/**
 * Read a layer's features: once for each reader and theme, or again.
 * @param {MapLibre} map
 * @param {Store} store
 * @param {Layer} layer
 * @param {boolean} again
 */
async function read(map, store, layer, again) {
  const state = store.get();
  const filter = filterOf(layer, state);
  const key = `${state.reader}/${filter}`;
  const known = movers.get(layer.id) ?? { features: new Map(), moves: new Map(), loaded: "" };
  movers.set(layer.id, known);
  if (known.loaded === key && !again) return;
  known.loaded = key;
  const moment = at.peek();
  const page = await pageOf(pathOf(layer, filter), state.reader).catch((error) => {
    if (!(error instanceof ServerError && error.status === 403)) throw error;
    refused.add(`${state.reader}/${layer.id}`);
    store.set({ map: state.map && { ...state.map } }); // the map is drawn anew, with tiles of this layer
    return null;
  });
  if (!page || at.peek() !== moment) return; // whoever went on has asked for another moment
  const { features } = page;
  known.features = new Map(features.filter(({ geometry }) => geometry).map(({ id, geometry, properties }) => [id, { type: "Feature", geometry, properties: { ...properties, id } }]));
  known.moves.clear();
  await source(map, layer.id)?.setData(/** @type {any} */ (hotData(layer.id)));
}

/**
 * Let a mover go to its new position.
 * @param {import("../live.js").Change} change
 */
function aim({ layer, id, lon, lat, heading_deg: heading }) {
  const known = movers.get(layer);
  const feature = known?.features.get(id);
  if (!known || !feature || typeof lon !== "number" || typeof lat !== "number") return;
  if (typeof heading === "number" && "heading_deg" in feature.properties) feature.properties.heading_deg = heading;
  known.moves.set(id, { from: feature.geometry.coordinates, to: [lon, lat], began: performance.now() });
}

/**
 * Draw where the movers of a layer are now.
 * @param {MapLibre} map
 * @param {string} id
 */
function glide(map, id) {
  const known = movers.get(id);
  if (!known?.moves.size) return;
  const now = performance.now();
  const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
  const update = [];
  for (const [mover, { from, to, began }] of known.moves) {
    const feature = known.features.get(mover);
    const far = Math.abs(to[0] - from[0]) + Math.abs(to[1] - from[1]) > JUMP_DEG;
    const share = still || far ? 1 : Math.min(1, (now - began) / GLIDE_MS);
    feature.geometry = { type: "Point", coordinates: [from[0] + (to[0] - from[0]) * share, from[1] + (to[1] - from[1]) * share] };
    update.push({ id: mover, newGeometry: feature.geometry });
    if (share === 1) known.moves.delete(mover);
  }
  source(map, id)?.updateData({ update });
}

/**
 * @param {MapLibre} map
 * @param {string} id
 * @returns {import("maplibre-gl").GeoJSONSource | null}
 */
function source(map, id) {
  const found = map.getSource(id);
  return found?.type === "geojson" ? /** @type {import("maplibre-gl").GeoJSONSource} */ (found) : null;
}
