// What stands over the page while there is no map, and when the server does not answer.

import { html } from "../../vendor/preact.mjs";
import { t } from "../i18n.js";

/** @typedef {import("../types.js").State} State */

/** @param {{ state: State, refresh: () => Promise<void> }} props */
export function Notice({ state, refresh }) {
  const { language, status } = state;
  if (status === "ready" && state.online) return null;
  if (status === "ready") return html`<p class="notice toast" role="status">${t(language, "state.offline")}</p>`;
  if (status === "loading") return html`<p class="notice center" role="status"><span class="spinner" />${t(language, "state.loading")}</p>`;
  if (status === "empty") return html`<p class="notice center" role="status">${t(language, "state.empty")}</p>`;
  return html`<div class="notice center" role="alert">
    <p>${t(language, "state.error", { detail: state.message })}</p>
    <button class="primary" onClick=${refresh}>${t(language, "state.retry")}</button>
  </div>`;
}
