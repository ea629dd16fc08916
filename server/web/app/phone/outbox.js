// What was reported from this phone: what waits, what is on its way, what was taken, and what was refused and why.

import { html } from "../../vendor/preact.mjs";
import { loginPath } from "../account.js";
import { t } from "../i18n.js";
import { again, discard, hindrance, outbox, underway } from "../state/outbox.js";
import { codeTitle } from "./codes.js";
import { Thumbnail } from "./pictures.js";
import { age } from "./words.js";

/** @typedef {import("../types.js").Language} Language */
/** @typedef {import("../state/outbox.js").Kept} Kept */

/** How many reports wait. */
export const waitingCount = () => outbox.value.filter(({ state }) => state !== "sent").length;

/** @param {{ language: Language }} props */
export function Outbox({ language }) {
  if (!outbox.value.length) return null;
  return html`<section class="outbox" aria-label=${t(language, "phone.outbox.title")}>
    <h3>${t(language, "phone.outbox.title")}</h3>
    ${hindrance.value && html`<p class="stale" role="status">${t(language, `phone.outbox.${hindrance.value}`)}
      ${hindrance.value === "login" && html` <a href=${loginPath()}>${t(language, "account.again")}</a>`}</p>`}
    <ul>${outbox.value.map((one) => html`<${Row} key=${one.id} language=${language} kept=${one} />`)}</ul>
  </section>`;
}

/** @param {{ language: Language, kept: Kept }} props */
function Row({ language, kept }) {
  const state = underway.value === kept.id ? "underway" : kept.state;
  const where = kept.answer?.grid?.name ?? kept.answer?.community?.name;
  const detail = kept.state === "refused" ? kept.fault : [where, age(language, kept.made_at)].filter(Boolean).join(" · ");
  return html`<li class=${`kept-row ${state}`} data-report=${kept.id} data-state=${kept.state}>
    <span class="kept-mark" aria-hidden="true" />
    <span class="task-words"><strong>${codeTitle(language, "event_class", kept.body.class)}</strong><small>${detail}</small></span>
    ${kept.pictures.length > 0 && html`<span class="kept-pictures">${kept.pictures.map(({ ref, blob }) => html`<${Thumbnail} key=${ref} blob=${blob} />`)}</span>`}
    <span class="kept-state">${t(language, `phone.outbox.${state}`)}</span>
    ${kept.state === "refused" && html`<span class="kept-buttons">
      <button class="second" onClick=${() => again(kept)}>${t(language, "phone.outbox.again")}</button>
      <button class="second" onClick=${() => discard(kept)}>${t(language, "phone.outbox.discard")}</button></span>`}
  </li>`;
}
