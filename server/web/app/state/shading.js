// What colours the ground by how much there is: areas by their number, or heat of the places; in the link.

import { signal } from "../../vendor/signals.mjs";
import { linked } from "./link.js";

/** @typedef {"" | "areas" | "heat"} Shading  empty is what is usual: nothing on the desk, areas on the board */
/** @typedef {{ layer: string, ends: number[] | null }} Shaded  of a layer: the upper ends of its classes, null for heat */

/** @type {import("../../vendor/signals.mjs").Signal<Shading>} */
export const shading = linked("shade", (text) => (text === "areas" || text === "heat" ? text : ""));

/** What the desk's map is coloured by, for its legend. */
export const shaded = signal(/** @type {Shaded | null} */ (null));
