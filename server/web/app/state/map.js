// The map that is shown now; null before it has loaded, and without WebGL. Tools and panels draw on it through `draw/`.

import { signal } from "../../vendor/signals.mjs";

/** @type {import("@preact/signals").Signal<import("maplibre-gl").Map | null>} */
export const shownMap = signal(/** @type {import("maplibre-gl").Map | null} */ (null));
