// Preact, its hooks and htm under one name; signals need the same instance of them.

import { h } from "./preact/preact.mjs";
import htm from "./preact/htm.mjs";

export * from "./preact/preact.mjs";
export * from "./preact/hooks.mjs";
export const html = htm.bind(h);
