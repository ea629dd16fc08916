// The parts of the page's link that are signals: one line a noun. `hash.js` writes and reads them with the rest.

import { area, readArea, writeArea } from "./area.js";
import { incident, readIncident, writeIncident } from "./incident.js";

/** @typedef {{ key: string, write: () => string, read: (text: string) => void }} Linked */

/** @type {readonly Linked[]} */
const LINKED = [
  { key: "area", write: () => writeArea(area.value), read: (text) => (area.value = readArea(text)) },
  { key: "incident", write: () => writeIncident(incident.value), read: (text) => (incident.value = readIncident(text)) },
];

/** The signals as parts of a link, `key=text`; a component that calls this is drawn again when one of them changes. */
export function writeLinked() {
  return LINKED.flatMap(({ key, write }) => {
    const text = write();
    return text ? [`${key}=${encodeURIComponent(text)}`] : [];
  });
}

/** @param {string} hash */
export function readLinked(hash) {
  const options = new URLSearchParams(hash.replace(/^#[^&]*&?/, ""));
  for (const { key, write, read } of LINKED) {
    const text = options.get(key) ?? "";
    if (text !== write()) read(text);
  }
}
