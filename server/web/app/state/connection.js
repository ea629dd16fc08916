// The line to the server: whether changes come, and since when they do not.

import { signal } from "../../vendor/signals.mjs";

/**
 * `state` is "starting" before the first answer, "live" while changes come, "lost" while the line is broken, and "rest"
 * while the tab is hidden. `since` is when it became so: what a lost line shows is of that moment. `heard` is when the
 * stream said something last, a heartbeat at least, before the state changed. Both in milliseconds.
 */
export const connection = signal(/** @type {import("../live/hub.js").Line} */ ({ state: "starting", since: Date.now(), heard: Date.now() }));
