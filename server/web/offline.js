// The service worker of a grid worker's phone: without a line the page opens all the same, and reports are kept.
//
// It keeps the page itself and the files below `ui/{version}/`, which are the same for everybody and never change under one
// address; no answer about anybody's data passes through it. The page comes from the server whenever that answers, so
// after an upgrade nobody is shown an old one; what the new page does not name is then forgotten.

const CACHE = "onemap-page";
const ROOT = new URL("./", self.location.href);
const SHELL = ROOT.href;
const FILES = new RegExp(`^${ROOT.pathname}ui/([0-9a-f]{12})/`);
const PATIENCE_MS = 8000; // a line that is there, and carries nothing, is none

const worker = /** @type {any} */ (self);

worker.addEventListener("install", () => worker.skipWaiting());
worker.addEventListener("activate", (/** @type {any} */ event) => event.waitUntil(worker.clients.claim()));
worker.addEventListener("message", (/** @type {any} */ event) => event.waitUntil(keepAll(event.data)));
worker.addEventListener("fetch", (/** @type {any} */ event) => {
  const url = new URL(event.request.url);
  if (event.request.method !== "GET" || url.origin !== ROOT.origin) return;
  if (event.request.mode === "navigate" && url.pathname === ROOT.pathname) event.respondWith(page(event.request));
  else if (FILES.test(url.pathname)) event.respondWith(file(event.request));
});

/**
 * The page from the server; the one that is kept where the server does not answer.
 * @param {Request} request
 */
async function page(request) {
  const kept = caches.open(CACHE).then((cache) => cache.match(SHELL));
  try {
    const signal = (await kept) ? AbortSignal.timeout(PATIENCE_MS) : null;
    const answer = await fetch(request, { signal });
    if (isPage(answer)) void keepPage(answer.clone());
    return answer;
  } catch (error) {
    const page = await kept;
    if (page) return page;
    throw error;
  }
}

/** @param {Response} answer */
const isPage = (answer) => answer.ok && !answer.redirected && (answer.headers.get("content-type") ?? "").startsWith("text/html");

/**
 * Keep the page, and forget the files of others.
 * @param {Response} answer
 */
async function keepPage(answer) {
  const version = /ui\/([0-9a-f]{12})\//.exec(await answer.clone().text())?.[1];
  if (!version) return;
  const cache = await caches.open(CACHE);
  await cache.put(SHELL, answer);
  for (const { url } of await cache.keys()) {
    const own = FILES.exec(new URL(url).pathname)?.[1];
    if (own && own !== version) await cache.delete(url);
  }
}

/**
 * A file of the page: what is under its address never changes.
 * @param {Request} request
 */
async function file(request) {
  const cache = await caches.open(CACHE);
  const kept = await cache.match(request.url);
  if (kept) return kept;
  const answer = await fetch(request);
  if (isForEver(answer)) void cache.put(request.url, answer.clone());
  return answer;
}

/** @param {Response} answer */
const isForEver = (answer) => answer.ok && (answer.headers.get("cache-control") ?? "").includes("immutable");

/**
 * Keep the page and the files that it has read before this worker was there.
 * @param {string[]} urls
 */
async function keepAll(urls) {
  const cache = await caches.open(CACHE);
  if (!(await cache.match(SHELL))) {
    const answer = await fetch(SHELL, { cache: "no-cache" });
    if (isPage(answer)) await keepPage(answer);
  }
  for (const url of urls.filter((one) => FILES.test(new URL(one).pathname))) {
    if (await cache.match(url)) continue;
    const answer = await fetch(url);
    if (isForEver(answer)) await cache.put(url, answer);
  }
}
