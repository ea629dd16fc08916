// Which tool owns the clicks on the map: one at a time. While one draws, a click inspects nothing.

import { signal } from "../../vendor/signals.mjs";

/** @typedef {"inspect" | "point" | "line" | "rectangle" | "circle" | "polygon"} Tool */

/** @type {import("@preact/signals").Signal<Tool>} */
export const tool = signal(/** @type {Tool} */ ("inspect"));

/** Whether a click on the map asks what is there. */
export const inspects = () => tool.peek() === "inspect";
