// What of each layer is in view: how many features, and which of the codes that colour them.

import { signal } from "../../vendor/signals.mjs";

/** @typedef {{ count: number, codes: Set<string> }} InView */

/** By layer; a layer that is off or not drawn at this zoom is not in it. */
export const inView = signal(/** @type {Map<string, InView>} */ (new Map()));
