// Where somebody lands who opens the page without a link: the dispatcher on the events, who is bound to an area on that area.

import { fetchFeature } from "./api.js";
import { faceOf } from "./faces.js";
import { layerOfCode } from "./query/predicate.js";

/** @typedef {import("./store.js").Store} Store */

const DISPATCHERS = new Set(["street_dispatcher", "district_dispatcher"]);
const STREET_DIGITS = 9; // the map shows a whole district by itself
const GRID_DIGITS = 15;

/**
 * The grid that somebody works in, where an account names one.
 * @param {import("./types.js").Account | null} account
 */
export const ownGrid = (account) => account?.areas.find((one) => one.length === GRID_DIGITS) ?? "";

/** @param {Store} store */
export function openFirstTab(store) {
  const { account, tab } = store.get();
  if (!tab && account?.roles.some((role) => DISPATCHERS.has(role)) && faceOf(store.get()) === "desk") store.set({ tab: "events" });
}

/**
 * Bring the reader's own area into view; where there is none, or it cannot be read, the district stays.
 * @param {Store} store
 */
export async function frameOwnArea(store) {
  const code = store.get().account?.areas.find((one) => one.length >= STREET_DIGITS);
  const layer = code && layerOfCode(code);
  if (!code || !layer || faceOf(store.get()) !== "desk") return;
  const geometry = await fetchFeature(layer, code).then((feature) => feature.geometry, () => null);
  const corners = /** @type {number[]} */ ((geometry?.coordinates ?? []).flat(Infinity));
  if (!corners.length || store.get().hits.length) return; // somebody was faster
  const [lons, lats] = [0, 1].map((side) => corners.filter((_, n) => n % 2 === side));
  if (lons && lats) store.set({ frame: [Math.min(...lons), Math.min(...lats), Math.max(...lons), Math.max(...lats)] });
}
