// Whom to call: the levels above, each with its number where the reader may know it.

import { html } from "../../vendor/preact.mjs";
import { t } from "../i18n.js";
import { PhoneIcon } from "./classes.js";

/** @typedef {import("../types.js").Language} Language */

const NUMBER = /^\+?[\d\s()-]{3,24}$/; // a masked one has stars

/** @param {{ language: Language, chain: import("./requests.js").Rung[] }} props */
export function Chain({ language, chain }) {
  const rungs = chain.flatMap(({ level, responsible }) => responsible.slice(0, 2).map((one) => ({ level, ...called(one) })));
  if (!rungs.length) return html`<p class="soft">${t(language, "phone.chain.none")}</p>`;
  return html`<section class="chain" aria-label=${t(language, "phone.chain.title")}>
    <h3>${t(language, "phone.chain.title")}</h3>
    <ul>${rungs.map((rung) => html`<li key=${rung.key}>
      <span class="rung"><strong>${t(language, `phone.level.${rung.level}`)}</strong><small>${rung.who}</small></span>
      ${rung.number
        ? html`<a class="call" href=${`tel:${rung.number.replace(/[\s()]/g, "")}`} aria-label=${t(language, "phone.chain.call", { who: rung.who })}>
            <${PhoneIcon} name="call" />${rung.number}</a>`
        : html`<span class="soft">${rung.hidden || t(language, "phone.chain.unknown")}</span>`}
    </li>`)}</ul>
  </section>`;
}

/**
 * Who is on duty before who is always responsible, a post's number before a person's.
 * @param {any} one
 */
function called(one) {
  const sources = [...(one.on_duty ?? []), one];
  const numbers = sources.flatMap((source) => [source.duty_phone, source.phone]).filter(Boolean);
  const person = sources.map((source) => source.person).find(Boolean) ?? one.name;
  return {
    key: `${one.layer}/${one.id}`,
    who: [...new Set([one.org_name, person].filter(Boolean))].join(" · "),
    number: numbers.find((number) => NUMBER.test(number)) ?? "",
    hidden: numbers[0] ?? "",
  };
}
