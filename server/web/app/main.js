// Start: read the texts and the map's description, render the page, and poll the catalogue for changes.

import { html, render } from "../vendor/preact.mjs";
import { fetchSession, logOut, watchIdle } from "./account.js";
import { ServerError, fetchMap, fetchStyle, forgetMap } from "./api.js";
import { faceOf } from "./faces.js";
import { readHash } from "./hash.js";
import { formatError, loadTexts, preferredLanguage } from "./i18n.js";
import { Page } from "./page.js";
import { isHandheld } from "./screen.js";
import { followLink } from "./state/link.js";
import { createStore } from "./store.js";
import { USUAL_THEME, preferredTheme } from "./theme.js";
import { beginTime, fetchTopics, freshAmong, topicOf } from "./topics.js";

const ASK_EVERY_MS = 4000;

const requested = readHash(location.hash);
const store = createStore({
  status: "loading",
  message: "",
  online: true,
  map: null,
  reader: "",
  theme: preferredTheme(requested.theme),
  style: null,
  language: preferredLanguage(),
  asked: null,
  framing: requested.view === null && requested.selected !== null, // a link with a feature and without a position
  changes: {},
  topics: [],
  topic: requested.topic,
  toggled: requested.toggled,
  fresh: new Set(),
  opacities: requested.opacities,
  order: requested.order,
  frame: null,
  track: null,
  pin: null,
  hits: requested.selected ? [requested.selected] : [],
  chosen: 0,
  mode: requested.listed ? "list" : "map",
  listed: requested.listed,
  webgl: true,
  trouble: "",
  relief: requested.relief,
  face: requested.face,
  tab: requested.tab,
  account: null,
  farewell: "",
  sheet: matchMedia("(max-width: 720px)").matches ? "peek" : "half",
});

/**
 * A link that is pasted into an open page. The page's own writing of the address is no such change, and may have come between.
 * @param {HashChangeEvent} event
 */
function restore({ newURL }) {
  const { hash } = new URL(newURL);
  const { view, selected, toggled, theme, listed, relief, face, tab, topic, opacities, order } = readHash(hash);
  followLink(hash);
  store.set({ asked: view, framing: view === null && selected !== null, topic, toggled, opacities, order, relief, hits: selected ? [selected] : [], chosen: 0 });
  store.set({ mode: listed ? "list" : "map", listed, theme: theme ?? USUAL_THEME, face, tab });
  void refresh();
}

async function refresh() {
  try {
    const reader = store.get().account?.id ?? "";
    const before = store.get().map;
    const ahead = askedAhead();
    const map = await fetchMap(before);
    if (!before && faceOf(store.get()) === "phone") void listen();
    const theme = themeAmong(map.styles);
    if (map !== store.get().map || !isDrawn(theme)) {
      const style = (theme === ahead.theme && (await ahead.style)) || (await fetchStyle(theme));
      const status = map.layers.some((layer) => layer.count > 0) ? "ready" : "empty";
      const topics = (await ahead.topics) ?? (await topicsFor(map, reader));
      const fresh = freshAmong(map.layers.map(({ id }) => id), reader);
      if (theme === themeAmong(map.styles)) store.set({ map, reader, theme, style, status, topics, fresh, ...(before ? {} : beginTime(topicOf({ topics, topic: requested.topic }))) }); // else another was chosen meanwhile
    } else if (theme !== store.get().theme) store.set({ theme }); // the link that was pasted names none of the styles
    if (!store.get().online) store.set({ online: true });
  } catch (error) {
    forgetMap(); // one response of the two is not enough
    if (error instanceof ServerError && error.status === 401) return onEnded();
    const message = formatError(store.get().language, error);
    store.set(store.get().map ? { online: false } : { status: "error", message });
  }
}

let isFirst = requested.theme === null; // a link may name a style that does not exist

/**
 * The first map's style and themes are asked for together with the map, not after it; null where they are not to be had.
 * @returns {{ theme?: string, style?: Promise<import("./types.js").Style | null>, topics?: Promise<import("./types.js").Topic[] | null> }}
 */
function askedAhead() {
  if (!isFirst) return {};
  isFirst = false;
  const { theme } = store.get();
  return { theme, style: fetchStyle(theme).catch(() => null), topics: fetchTopics().catch(() => null) };
}

/**
 * The themes for a map; those that are known unless the layers or the reader are others.
 * @param {import("./types.js").MapDocument} map
 * @param {string} reader
 */
async function topicsFor(map, reader) {
  const known = store.get();
  return known.map?.structure === map.structure && known.reader === reader ? known.topics : fetchTopics();
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

let stopWatching = () => {};

/** Ask who is logged in, and watch whether somebody is there. */
async function identify() {
  const session = await fetchSession().catch(() => null);
  if (!session) return;
  const { account } = session;
  stopWatching();
  if (account) stopWatching = watchIdle(account.idle_s, () => void leave("idle"));
  store.set({ account, ...(session.ended ? { farewell: "ended" } : {}) });
  if (faceOf(store.get()) !== "phone" || store.get().map) void listen();
}

/** Join the stream of changes; the phone does so with its map, which comes after its list. */
async function listen() {
  const { join } = await import("./live.js");
  join(store.get().account?.id ?? "", () => void onOtherReader());
}

/** In another tab somebody has logged in or out: one browser has one session. */
async function onOtherReader() {
  const before = store.get().account?.id;
  await identify();
  if (store.get().account?.id === before) return;
  forgetMap();
  store.set({ hits: [], chosen: 0 });
  await refresh();
}

let leaving = false;

/** The session has ended: the page says so, and goes on as the public; not while the page itself ends it. */
async function onEnded() {
  if (leaving) return;
  const known = store.get().account !== null;
  await identify();
  store.set({ farewell: known ? "ended" : store.get().farewell, hits: [], chosen: 0 });
  if (known) await refresh();
}

/** @param {"" | "idle"} [farewell]  why, when nobody asked for it */
async function leave(farewell = "") {
  leaving = true; // what was asked for before is refused now
  if (await logOut(farewell === "").catch(() => false)) return;
  await identify();
  leaving = false;
  forgetMap();
  store.set({ farewell, hits: [], chosen: 0 });
  await refresh();
}

/** The phone asks for the map itself, when its list is there; after that it is kept up to date here. */
async function keepAsking() {
  const { map, status } = store.get();
  if (map || status === "error" || faceOf(store.get()) !== "phone") await refresh();
  setTimeout(askAgain, ASK_EVERY_MS);
}

/** A hidden tab does not poll; it polls immediately when it becomes visible. */
function askAgain() {
  if (document.hidden) document.addEventListener("visibilitychange", askAgain, { once: true });
  else void keepAsking();
}

addEventListener("hashchange", restore);
await Promise.all([loadTexts(isHandheld() ? [store.get().language] : undefined), identify()]);
if (faceOf(store.get()) !== "phone") await loadTexts(); // the phone reads the other language when somebody wants it
const landing = location.hash.length < 2 && faceOf(store.get()) === "desk" ? await import("./landing.js") : null;
landing?.openFirstTab(store);
render(html`<${Page} store=${store} refresh=${refresh} logOut=${() => leave()} />`, /** @type {Element} */ (document.getElementById("app")));
await keepAsking();
void landing?.frameOwnArea(store);
