// The tabs of the drawer, in their order; a new one is one line here and a module with a default export.

/** @typedef {import("../store.js").Store} Store */
/** @typedef {import("../types.js").State} State */
/** @typedef {(props: { store: Store, state: State }) => any} TabPanel */
/** @typedef {{ id: string, title: string, load: () => Promise<{ default: TabPanel }> }} Tab */

/** @type {readonly Tab[]} */
export const TABS = [
  { id: "events", title: "tab.events", load: () => import("../events/panel.js") },
  { id: "time", title: "tab.time", load: () => import("../time/panel.js") },
  { id: "series", title: "tab.series", load: () => import("../time/series.js") },
  { id: "table", title: "tab.table", load: () => import("../query/table.js") },
  { id: "query", title: "query.title", load: () => import("../query/panel.js") },
  { id: "incident", title: "incident.title", load: () => import("../incident/panel.js") },
];
