// The areas of warnings that are drawn on the map, for its legend.

import { signal } from "../../vendor/signals.mjs";

/** @type {import("@preact/signals").Signal<readonly { id: string | number, area: any, color: string, severity: unknown }[]>} */
export const warned = signal(/** @type {readonly { id: string | number, area: any, color: string, severity: unknown }[]} */ ([]));
