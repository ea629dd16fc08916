// Signals that a link restores: each is one option of the hash of the address, beside those of the store.

import { batch, signal } from "../../vendor/signals.mjs";

/**
 * @template T
 * @typedef {import("../../vendor/signals.mjs").Signal<T>} Signal
 */

/** @typedef {{ value: Signal<any>, read: (text: string) => any, write: (value: any) => string }} Linked */

/** @type {Map<string, Linked>} */
const parts = new Map();
const known = signal(0);
let given = optionsOf(location.hash);
let isPlaced = placed(location.hash);

/** @param {string} hash */
function optionsOf(hash) {
  return new URLSearchParams(hash.replace(/^#/, "").split("&").slice(1).join("&"));
}

/** Whether a link names what the map shows. @param {string} hash */
function placed(hash) {
  return /^#?\d/.test(hash);
}

/**
 * Whether the link that was opened or pasted last has this option, and a view of the map beside it.
 * @param {string} name
 * @param {string} text
 */
export const isViewed = (name, text) => isPlaced && given.get(name) === text;

/**
 * A signal that is in the link under a name; what is empty, false or null is not written.
 * @template T
 * @param {string} name
 * @param {(text: string) => T} read  the value of a text; of an empty one it is the usual value
 * @param {(value: T) => string} [write]  the text of a value
 * @returns {Signal<T>}
 */
export function linked(name, read, write = (value) => (value ? String(value) : "")) {
  const value = signal(read(given.get(name) ?? ""));
  parts.set(name, { value, read, write });
  known.value = parts.size;
  return value;
}

/**
 * Take the values of a link that was pasted into an open page; what the link does not change stays the same object.
 * @param {string} hash
 */
export function followLink(hash) {
  given = optionsOf(hash);
  isPlaced = placed(hash);
  batch(() => parts.forEach((part, name) => take(part, given.get(name) ?? "")));
}

/**
 * @param {Linked} part
 * @param {string} text
 */
function take({ value, read, write }, text) {
  if (text !== write(value.value)) value.value = read(text);
}

/** The options as they stand in a hash, each after an ampersand; a component that reads them follows all of them. */
export function linkedOptions() {
  if (!known.value) return "";
  const written = [...parts].map(([name, { value, write }]) => ({ name, text: write(value.value) }));
  return written.map(({ name, text }) => (text ? `&${name}=${encodeURIComponent(text)}` : "")).join("");
}
