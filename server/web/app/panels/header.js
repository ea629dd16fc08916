// The bar on top: title, whether the data are synthetic, language, identity.

import { html, useState } from "../../vendor/preact.mjs";
import { ServerError, forgetMap, fetchMap, token } from "../api.js";
import { rememberLanguage, t, titleOf } from "../i18n.js";
import { rememberTheme } from "../theme.js";
import { Icon } from "./icons.js";

/** @typedef {import("../store.js").Store} Store */
/** @typedef {import("../types.js").State} State */

/** @param {{ store: Store, state: State, refresh: () => Promise<void> }} props */
export function Header({ store, state, refresh }) {
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
    <nav>
      <a class="wide" href="ogc?f=html&lang=${language}">${t(language, "links.api")}</a>
      <a class="wide" href="docs">${t(language, "links.docs")}</a>
      ${state.webgl && state.mode === "map" && html`<${Themes} state=${state} store=${store} refresh=${refresh} />`}
      <${SignIn} state=${state} store=${store} onIdentity=${refresh} />
      <button class="plain" lang=${language === "en" ? "zh-CN" : "en"} aria-label=${t(language, "language.label")} onClick=${switchLanguage}>
        ${t(language, "language.switch")}
      </button>
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

/** @param {{ store: Store, state: State, onIdentity: () => void }} props */
function SignIn({ store, state, onIdentity }) {
  const [open, setOpen] = useState(false);
  const [wrong, setWrong] = useState(false);
  const { language, operator } = state;
  const apply = (/** @type {string | null} */ value) => {
    token.set(value);
    forgetMap();
    store.set({ operator: value !== null });
    setOpen(false);
    setWrong(false);
    onIdentity();
  };
  const submit = async (/** @type {Event} */ event) => {
    event.preventDefault();
    const form = /** @type {HTMLFormElement} */ (event.currentTarget);
    const value = String(new FormData(form).get("token") ?? "").trim();
    token.set(value);
    forgetMap();
    try {
      await fetchMap();
      apply(value);
    } catch (error) {
      token.set(null);
      setWrong(error instanceof ServerError && error.status === 401);
    }
  };
  if (operator) return html`<button class="plain" onClick=${() => apply(null)}>${t(language, "operator.signout")}</button>`;
  return html`<div class="signin">
    <button class="plain" aria-expanded=${open} onClick=${() => setOpen(!open)}>${t(language, "operator.signin")}</button>
    ${open &&
    html`<form class="card popover" onSubmit=${submit} onKeyDown=${(/** @type {KeyboardEvent} */ e) => e.key === "Escape" && setOpen(false)}>
      <label>${t(language, "operator.token")}<input name="token" type="password" autocomplete="off" required autofocus /></label>
      <p class=${wrong ? "wrong" : "hint"} role=${wrong ? "alert" : undefined}>
        ${t(language, wrong ? "operator.wrong" : "operator.hint")}
      </p>
      <button class="primary"><${Icon} name="key" />${t(language, "operator.signin")}</button>
    </form>`}
  </div>`;
}
