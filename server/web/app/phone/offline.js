// Makes the phone's page open without a line: the worker that keeps it, and who was logged in.

import { address } from "../api.js";

/** @typedef {import("../types.js").Account} Account */

/**
 * Let the browser keep the page; where it cannot (not over https, nor on this machine), the page works with a line alone.
 */
export async function keepPage() {
  if (!navigator.serviceWorker) return;
  try {
    await navigator.serviceWorker.register(address("offline.js"));
    const { active } = await navigator.serviceWorker.ready;
    const tell = () => active?.postMessage(performance.getEntriesByType("resource").map(({ name }) => name));
    tell();
    if (document.readyState !== "complete") addEventListener("load", tell, { once: true });
  } catch (error) {
    console.warn(error); // nothing is kept, and nothing else is lost
  }
}
