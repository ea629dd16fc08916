// Break-glass that no second person has acknowledged yet, told to those who administer accounts and the policy.

import { html, useState } from "../../vendor/preact.mjs";
import { acknowledgeElevation } from "../account.js";
import { t } from "../i18n.js";

/** @typedef {import("../types.js").Account} Account */
/** @typedef {import("../types.js").Language} Language */

/** @param {{ language: Language, account: Account }} props */
export function Elevations({ language, account }) {
  const [seen, setSeen] = useState(/** @type {Set<number>} */ (new Set()));
  const [fault, setFault] = useState("");
  const open = (account.elevations ?? []).filter(({ id }) => !seen.has(id));
  if (open.length === 0) return null;
  /** @param {number} id  @param {boolean} ends */
  const say = async (id, ends) => {
    try {
      await acknowledgeElevation(id, ends);
      setSeen(new Set([...seen, id]));
    } catch (error) {
      setFault(String(error));
    }
  };
  const own = (/** @type {string} */ name) => account.id === `account:${name}`;
  return html`<section class="elevations" role="alert">
    <strong>${t(language, "elevation.title")}</strong>
    ${open.map((one) => html`<div>
      <p>${t(language, "elevation.who", { name: one.account, role: t(language, `role.${one.role}`), until: new Date(one.ends_at).toLocaleString(language) })}</p>
      <p>${one.reason}</p>
      ${account.duties.includes("policy") && !own(one.account) && html`<p>
        <button onClick=${() => say(one.id, false)}>${t(language, "elevation.seen")}</button>
        <button onClick=${() => say(one.id, true)}>${t(language, "elevation.end")}</button>
      </p>`}
    </div>`)}
    ${fault && html`<p>${fault}</p>`}
  </section>`;
}
