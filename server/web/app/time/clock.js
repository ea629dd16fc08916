// The clock of the page: it ticks once a second while the page is seen.

import { computed, signal } from "../../vendor/signals.mjs";
import { at } from "../state/time.js";

const SECOND_MS = 1000;
const MINUTE_MS = 60_000;

/** Milliseconds since 1970, of this second. */
export const now = signal(Date.now());

/** The minute that the page is of: of the moment that is replayed, else of the clock; milliseconds. */
export const minute = computed(() => Math.floor((at.value ? Date.parse(at.value) : now.value) / MINUTE_MS) * MINUTE_MS);

setInterval(() => {
  if (!document.hidden) now.value = Date.now();
}, SECOND_MS);
