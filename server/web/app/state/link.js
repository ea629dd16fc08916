// Signals that a link restores: each is one option of the hash of the address, beside those of the store.

import { batch, signal } from "../../vendor/signals.mjs";

/**
 * @template T
 * @typedef {import("../../vendor/signals.mjs").Signal<T>} Signal
 */

/** @type {Map<string, { value: Signal<any>, read: (text: string) => any }>} */
const parts = new Map();
const known = signal(0);
let given = optionsOf(location.hash);

/** @param {string} hash */
function optionsOf(hash) {
  return new URLSearchParams(hash.replace(/^#/, "").split("&").slice(1).join("&"));
}

/**
 * A signal that is in the link under a name; what is empty, false or null is not written.
 * @template T
 * @param {string} name
 * @param {(text: string) => T} read  the value of a text; of an empty one it is the usual value
 * @returns {Signal<T>}
 */
export function linked(name, read) {
  const value = signal(read(given.get(name) ?? ""));
  parts.set(name, { value, read });
  known.value = parts.size;
  return value;
}

/**
 * Take the values of a link that was pasted into an open page.
 * @param {string} hash
 */
export function followLink(hash) {
  given = optionsOf(hash);
  batch(() => parts.forEach(({ value, read }, name) => (value.value = read(given.get(name) ?? ""))));
}

/** The options as they stand in a hash, each after an ampersand; a component that reads them follows all of them. */
export function linkedOptions() {
  if (!known.value) return "";
  const written = [...parts].filter(([, part]) => part.value.value);
  return written.map(([name, part]) => `&${name}=${encodeURIComponent(String(part.value.value))}`).join("");
}
