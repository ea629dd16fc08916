// What the incident's panel has found: each part is read on its own and may fail on its own. The printed sheet shows the same.

import { signal } from "../../vendor/signals.mjs";

/**
 * @template T
 * @typedef {{ status: "loading" } | { status: "ready", value: T } | { status: "error", error: unknown }} Part
 */

/** @typedef {import("../types.js").Feature & { properties: Record<string, any> & { layer: string } }} Near */
/** @typedef {{ layer: string, counts: (number | null)[] }} RingRow  how many within each ring; null where that is not known */
/**
 * @typedef {object} Findings
 * @property {string} key  of the incident, as the link has it
 * @property {string} title
 * @property {number} lon  degrees
 * @property {number} lat  degrees
 * @property {string} since  when it was asked for, RFC 3339
 * @property {Part<any>} where
 * @property {Part<{ rows: RingRow[], features: Near[] }>} rings
 * @property {Part<any>} cameras
 * @property {Part<any>} resources
 * @property {Part<any>} chain
 * @property {Part<any>} patrols
 * @property {readonly import("./overlays.js").Drawn[]} plot
 */

/** @type {import("@preact/signals").Signal<Findings | null>} */
export const findings = signal(/** @type {Findings | null} */ (null));
