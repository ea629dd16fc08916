// Start: read the words and the map's description, show the page, and keep asking whether the catalogue changed.

import { html, render } from "../vendor/preact.mjs";
import { ServerError, fetchMap, token } from "./api.js";
import { readHash } from "./hash.js";
import { loadTexts, preferredLanguage } from "./i18n.js";
import { App } from "./panels/app.js";
import { createStore } from "./store.js";

const ASK_EVERY_MS = 4000;

const asked = readHash(location.hash);
const store = createStore({
  status: "loading",
  message: "",
  online: true,
  map: null,
  language: preferredLanguage(),
  toggled: asked.toggled,
  hits: asked.selected ? [asked.selected] : [],
  chosen: 0,
  mode: "map",
  listed: "",
  webgl: true,
  relief: false,
  operator: token.get() !== null,
  sheet: "peek",
});

async function refresh() {
  try {
    const map = await fetchMap();
    if (map) store.set({ map, status: map.layers.some((layer) => layer.count > 0) ? "ready" : "empty" });
    if (!store.get().online) store.set({ online: true });
  } catch (error) {
    if (error instanceof ServerError && error.status === 401) {
      token.set(null); // the server has another token now
      store.set({ operator: false });
    }
    const message = /** @type {Error} */ (error).message;
    store.set(store.get().map ? { online: false } : { status: "error", message });
  }
}

async function keepAsking() {
  await refresh();
  setTimeout(askAgain, ASK_EVERY_MS);
}

/** A tab that nobody looks at asks nothing; it asks at once when it is looked at again. */
function askAgain() {
  if (document.hidden) document.addEventListener("visibilitychange", askAgain, { once: true });
  else void keepAsking();
}

await loadTexts();
render(html`<${App} store=${store} refresh=${refresh} />`, /** @type {Element} */ (document.getElementById("app")));
await keepAsking();
