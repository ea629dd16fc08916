// The bar on top: title, whether the data are synthetic, language, identity.

import { html } from "../../vendor/preact.mjs";
import { rememberLanguage, t, titleOf } from "../i18n.js";
import { rememberTheme } from "../theme.js";
import { SearchBox } from "../search/box.js";
import { TimeBadge } from "../time/badge.js";
import { AccountMenu } from "./account.js";
import { TopicSwitch } from "./topic.js";

/** @typedef {import("../store.js").Store} Store */
/** @typedef {import("../types.js").State} State */

/** @param {{ store: Store, state: State, refresh: () => Promise<void>, logOut: () => void }} props */
export function Header({ store, state, refresh, logOut }) {
  const { language, map } = state;
  const switchLanguage = () => {
    const next = language === "en" ? "zh-CN" : "en";
    rememberLanguage(next);
    store.set({ language: next });
  };
  return html`<header class="bar">
    <a class="skip" href="#layers" onClick=${focusLayers}>${t(language, "app.skip")}</a>
    <h1><span class="mark" aria-hidden="true" />${t(language, "app.name")}</h1>
    ${map?.title_zh && html`<span class="district">${titleOf(language, map)}</span>`}
    ${map?.synthetic && html`<span class="badge" title=${t(language, "app.synthetic.why")}>${t(language, "app.synthetic")}</span>`}
    <${TopicSwitch} store=${store} state=${state} refresh=${refresh} />
    <${SearchBox} store=${store} state=${state} />
    <${TimeBadge} language=${language} />
    <nav aria-label=${t(language, "links.label")}>
      <a class="wide widest" href="ogc?f=html&lang=${language}">${t(language, "links.api")}</a>
      <a class="wide" href="catalog?lang=${language}">${t(language, "links.catalog")}</a>
      <a class="wide" href="guide?lang=${language}">${t(language, "links.guide")}</a>
      <a class="wide widest" href="docs?lang=${language}">${t(language, "links.docs")}</a>
      ${state.webgl && state.mode === "map" && html`<${Themes} state=${state} store=${store} refresh=${refresh} />`}
      <button class="plain" lang=${language === "en" ? "zh-CN" : "en"} aria-label=${t(language, "language.label")} onClick=${switchLanguage}>
        ${t(language, "language.switch")}
      </button>
      <${AccountMenu} language=${language} account=${state.account} onLogOut=${logOut} />
    </nav>
  </header>`;
}

/** @param {{ store: Store, state: State, refresh: () => Promise<void> }} props */
function Themes({ store, state, refresh }) {
  const { language, map, theme } = state;
  const choose = (/** @type {Event} */ event) => {
    const chosen = /** @type {HTMLSelectElement} */ (event.currentTarget).value;
    rememberTheme(chosen);
    store.set({ theme: chosen });
    void refresh();
  };
  return html`<select class="themes" aria-label=${t(language, "theme.label")} title=${t(language, "theme.label")} onChange=${choose}>
    ${(map?.styles ?? []).map((one) => html`<option value=${one.id} selected=${one.id === theme} key=${one.id}>${titleOf(language, one)}</option>`)}
  </select>`;
}

/** @param {Event} event */
function focusLayers(event) {
  event.preventDefault(); // the hash of the address belongs to the map
  document.getElementById("layers")?.focus();
}
