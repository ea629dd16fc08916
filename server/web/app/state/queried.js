// The layer of the area's table and charts; empty for the first that has something in it.

import { signal } from "../../vendor/signals.mjs";

export const queried = signal("");
