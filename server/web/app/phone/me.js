// The worker: who is logged in, the patrol, the datum of the phone's own map, whom to call, the language.

import { html, useState } from "../../vendor/preact.mjs";
import { loginPath } from "../account.js";
import { formatError, loadTexts, partIn, rememberLanguage, t } from "../i18n.js";
import { patrolFault, patrolling, switchPatrol, walked } from "../state/patrol.js";
import { DATUMS, chooseDatum, datum, located } from "../state/place.js";
import { Chain } from "./chain.js";

/** @typedef {import("../store.js").Store} Store */
/** @typedef {import("../types.js").State} State */
/** @typedef {import("../types.js").Language} Language */

/** @param {{ store: Store, state: State, logOut: () => void }} props */
export function Me({ store, state, logOut }) {
  const { language, account } = state;
  const [fault, setFault] = useState(/** @type {unknown} */ (null));
  const next = language === "en" ? "zh-CN" : "en";
  const speak = () => {
    rememberLanguage(next);
    store.set({ language: next });
  };
  const inBoth = (/** @type {() => void} */ go) => void loadTexts().then(go, setFault); // the texts are read when they are wanted
  const between = language === "en" ? ", " : "、";
  return html`<div class="me">
    ${account
      ? html`<h2>${partIn(language, account.name)}<small>${account.roles.map((role) => t(language, `role.${role}`)).join(between)} · ${account.areas.join(between)}</small></h2>`
      : html`<p class="stale">${t(language, "phone.me.nobody")} <a class="primary" href=${loginPath()}>${t(language, "account.login")}</a></p>`}
    ${account && html`<${Patrol} language=${language} />`}
    <fieldset class="datums"><legend>${t(language, "phone.me.datum")}</legend>
      ${DATUMS.map((name) => html`<label key=${name}><input type="radio" name="datum" checked=${datum.value === name} onChange=${() => chooseDatum(name)} />
        <span>${t(language, `phone.datum.${name}`)}</span></label>`)}
      <small class="soft">${t(language, "phone.me.datum.why")}</small>
    </fieldset>
    ${located.value?.responsible?.chain && html`<${Chain} language=${language} chain=${located.value.responsible.chain} />`}
    <div class="me-buttons">
      <button class="second" lang=${next} aria-label=${t(language, "language.label")} onClick=${() => inBoth(speak)}>${t(language, "language.switch")}</button>
      <button class="second" onClick=${() => inBoth(() => store.set({ face: "desk" }))}>${t(language, "phone.me.desk")}</button>
      ${account && html`<button class="second" onClick=${logOut}>${t(language, "account.logout")}</button>`}
    </div>
    ${fault !== null && html`<p class="wrong" role="alert">${formatError(language, fault)}</p>`}
  </div>`;
}

/** The switch of the patrol; it asks for consent each time, because it tells where somebody is. @param {{ language: Language }} props */
function Patrol({ language }) {
  const [asking, setAsking] = useState(false);
  const on = patrolling.value;
  const flip = () => (on ? switchPatrol(false) : setAsking(true));
  const agree = () => {
    setAsking(false);
    switchPatrol(true);
  };
  return html`<section class="patrol">
    <button class="switch" role="switch" aria-checked=${on} onClick=${flip}>
      <span><strong>${t(language, "phone.patrol.title")}</strong>
      <small>${t(language, on ? "phone.patrol.on" : "phone.patrol.off", { n: walked.value })}</small></span><i aria-hidden="true" /></button>
    ${asking && html`<div class="consent" role="alertdialog" aria-label=${t(language, "phone.patrol.title")}>
      <p>${t(language, "phone.patrol.consent")}</p>
      <button class="primary" onClick=${agree}>${t(language, "phone.patrol.agree")}</button>
      <button class="second" onClick=${() => setAsking(false)}>${t(language, "phone.patrol.refuse")}</button></div>`}
    ${patrolFault.value && html`<p class="wrong" role="alert">${patrolFault.value}</p>`}
  </section>`;
}
