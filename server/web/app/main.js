// Start: read the texts and the map's description, render the page, and poll the catalogue for changes.

import { html, render } from "../vendor/preact.mjs";
import { ServerError, fetchMap, fetchStyle, forgetMap, token } from "./api.js";
import { readHash } from "./hash.js";
import { loadTexts, preferredLanguage } from "./i18n.js";
import { App } from "./panels/app.js";
import { createStore } from "./store.js";
import { USUAL_THEME, preferredTheme } from "./theme.js";

const ASK_EVERY_MS = 4000;

const requested = readHash(location.hash);
const store = createStore({
  status: "loading",
  message: "",
  online: true,
  map: null,
  theme: preferredTheme(requested.theme),
  style: null,
  language: preferredLanguage(),
  toggled: requested.toggled,
  hits: requested.selected ? [requested.selected] : [],
  chosen: 0,
  mode: "map",
  listed: "",
  webgl: true,
  trouble: "",
  relief: false,
  operator: token.get() !== null,
  sheet: "peek",
});

async function refresh() {
  try {
    const map = (await fetchMap()) ?? store.get().map;
    const theme = themeAmong(map?.styles ?? []);
    if (map !== store.get().map || !isDrawn(theme)) {
      const style = await fetchStyle(theme);
      const status = map?.layers.some((layer) => layer.count > 0) ? "ready" : "empty";
      if (theme === themeAmong(map?.styles ?? [])) store.set({ map, theme, style, status }); // else another was chosen meanwhile
    }
    if (!store.get().online) store.set({ online: true });
  } catch (error) {
    forgetMap(); // one response of the two is not enough
    if (error instanceof ServerError && error.status === 401) {
      token.set(null); // the server has a new token
      store.set({ operator: false });
    }
    const message = /** @type {Error} */ (error).message;
    store.set(store.get().map ? { online: false } : { status: "error", message });
  }
}

/**
 * The id of the requested style if it exists, else of the usual one.
 * @param {{ id: string }[]} styles
 */
function themeAmong(styles) {
  const { theme } = store.get();
  return styles.some(({ id }) => id === theme) ? theme : USUAL_THEME;
}

/** @param {string} theme */
function isDrawn(theme) {
  return store.get().style?.metadata["onemap:theme"] === theme;
}

async function keepAsking() {
  await refresh();
  setTimeout(askAgain, ASK_EVERY_MS);
}

/** A hidden tab does not poll; it polls immediately when it becomes visible. */
function askAgain() {
  if (document.hidden) document.addEventListener("visibilitychange", askAgain, { once: true });
  else void keepAsking();
}

await loadTexts();
render(html`<${App} store=${store} refresh=${refresh} />`, /** @type {Element} */ (document.getElementById("app")));
await keepAsking();
