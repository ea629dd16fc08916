// How many features the layers that are on had at the moment of the page; of others, and before the answer, nothing is known.

import { effect, signal } from "../../vendor/signals.mjs";
import { ask } from "../api.js";
import { layersOn } from "../store.js";
import { playing } from "../time/player.js";
import { at } from "./time.js";

/** @typedef {import("../store.js").Store} Store */
/** @typedef {{ count: number, exact: boolean }} Total */

const SETTLED_MS = 700; // who moves in time asks for nothing

/** By layer; empty in the present, whose totals stand in the description of the map. */
export const totals = signal(/** @type {Map<string, Total>} */ (new Map()));

/**
 * Keep the totals of the moment while a list of layers is shown.
 * @param {Store} store
 * @returns {() => void} stops it
 */
export function followTotals(store) {
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let settling;
  const later = () => {
    clearTimeout(settling);
    if (at.peek() !== null && !playing.peek()) settling = setTimeout(() => void read(store), SETTLED_MS);
  };
  const still = effect(() => {
    void at.value;
    void playing.value;
    if (totals.peek().size) totals.value = new Map();
    later();
  });
  const forget = store.subscribe((now, before) => {
    if (now.toggled !== before.toggled || now.topic !== before.topic || now.reader !== before.reader) later();
  });
  return () => {
    still();
    forget();
    clearTimeout(settling);
  };
}

/** @param {Store} store */
async function read(store) {
  const moment = at.peek();
  const asked = layersOn(store.get()).filter(({ id }) => !totals.peek().has(id));
  await Promise.all(asked.map(async ({ id }) => {
    try {
      const told = await (await ask(`ogc/collections/${encodeURIComponent(id)}/items?f=json&resulttype=hits`, {}, undefined, null, moment)).json();
      const count = told.numberMatched ?? told.numberMatchedAtLeast;
      if (at.peek() === moment) totals.value = new Map(totals.peek()).set(id, { count, exact: told.numberMatched !== undefined });
    } catch (error) {
      console.info(id, error); // whose past a reader may not see: the total of now stays, marked as such
    }
  }));
}
