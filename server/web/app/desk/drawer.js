// The drawer below the map: one panel at a time, read when its tab is first opened.

import { html, useEffect, useState } from "../../vendor/preact.mjs";
import { formatError, t } from "../i18n.js";
import { TABS } from "./tabs.js";

/** @typedef {import("../store.js").Store} Store */
/** @typedef {import("../types.js").State} State */
/** @typedef {import("./tabs.js").TabPanel} TabPanel */

/** @param {{ store: Store, state: State }} props */
export function Drawer({ store, state }) {
  if (!TABS.length) return null;
  const { language, tab } = state;
  const open = TABS.find(({ id }) => id === tab);
  return html`<section class=${`drawer ${open ? "open" : ""}`} aria-label=${t(language, "drawer.label")}>
    <nav class="drawer-tabs" aria-label=${t(language, "drawer.label")}>
      ${TABS.map(({ id, title }) => html`<button key=${id} aria-expanded=${id === tab} aria-controls="drawer-panel"
        onClick=${() => store.set({ tab: id === tab ? "" : id })}>${t(language, title)}</button>`)}
    </nav>
    <div class="drawer-panel" id="drawer-panel" hidden=${!open}>
      ${open && html`<${Panel} key=${open.id} store=${store} state=${state} tab=${open} />`}
    </div>
  </section>`;
}

/** @param {{ store: Store, state: State, tab: import("./tabs.js").Tab }} props */
function Panel({ store, state, tab }) {
  const [loaded, setLoaded] = useState(/** @type {{ panel: TabPanel | null, error: unknown }} */ ({ panel: null, error: null }));
  const load = () => {
    setLoaded({ panel: null, error: null });
    tab.load().then(({ default: panel }) => setLoaded({ panel, error: null }), (error) => setLoaded({ panel: null, error }));
  };
  useEffect(load, []);
  const { language } = state;
  const { panel: Shown, error } = loaded;
  if (error) return html`<p class="notice" role="alert">${t(language, "state.error", { detail: formatError(language, error) })}
    <button class="primary" onClick=${load}>${t(language, "state.retry")}</button></p>`;
  if (!Shown) return html`<p class="notice" role="status"><span class="spinner" />${t(language, "panel.loading")}</p>`;
  return html`<${Shown} store=${store} state=${state} />`;
}
