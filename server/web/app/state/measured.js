// What was measured last: a line or a surface; null when there is nothing.

import { signal } from "../../vendor/signals.mjs";

/** @type {import("@preact/signals").Signal<any>} GeoJSON */
export const measured = signal(/** @type {any} */ (null));
