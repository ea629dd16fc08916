// Who answers for an event, from the grid to the district.

import { html } from "../../vendor/preact.mjs";
import { spokenPost, t } from "../i18n.js";

/** @typedef {import("../types.js").Language} Language */
/** @typedef {{ id: string, name: string | null, org_name: string | null, post: string | null, person: string | null, phone: string | null,
 *   duty_phone: string | null, on_duty: { person: string | null, phone: string | null, duty_phone: string | null }[] }} Responsible */
/** @typedef {{ level: string, responsible: Responsible[] }} Rung */

/** @param {{ language: Language, chain: Rung[] }} props */
export function Chain({ language, chain }) {
  return html`<h4>${t(language, "event.chain")}</h4>
    ${!chain.length && html`<p class="soft">${t(language, "event.chain.none")}</p>`}
    <ol class="chain">
      ${chain.map(({ level, responsible }) => html`<li key=${level}><b>${t(language, `chain.${level}`)}</b>
        ${responsible.slice(0, 2).map((one) => html`<span key=${one.id}>${wordsOf(one)}
          ${one.on_duty.slice(0, 1).map((shift) => html`<em>${t(language, "event.onduty")} ${[shift.person, shift.phone ?? shift.duty_phone].filter(Boolean).join(" ")}</em>`)}
        </span>`)}
      </li>`)}
    </ol>`;
}

/** @param {Responsible} one */
function wordsOf({ org_name, post, person, name, phone, duty_phone }) {
  return [org_name, spokenPost(post), person ?? name, phone ?? duty_phone].filter(Boolean).join(" · ");
}
