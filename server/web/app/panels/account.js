// Who is logged in, in the bar: a link to the login, or a name with its role, area and logout.

import { html, useEffect, useRef, useState } from "../../vendor/preact.mjs";
import { loginPath } from "../account.js";
import { partIn, purposeTitle, t } from "../i18n.js";
import { Elevations } from "./elevations.js";

/** @typedef {import("../types.js").Account} Account */
/** @typedef {import("../types.js").Language} Language */

/** @param {{ language: Language, account: Account | null, onLogOut: () => void }} props */
export function AccountMenu({ language, account, onLogOut }) {
  const [open, setOpen] = useState(false);
  const place = /** @type {{ current: HTMLElement | null }} */ (useRef(null));
  useEffect(() => {
    const leave = (/** @type {Event} */ event) => {
      const inside = event.target instanceof Node && place.current?.contains(event.target);
      if (event instanceof KeyboardEvent ? event.key === "Escape" : !inside) setOpen(false);
    };
    if (!open) return undefined;
    addEventListener("pointerdown", leave);
    addEventListener("keydown", leave);
    return () => {
      removeEventListener("pointerdown", leave);
      removeEventListener("keydown", leave);
    };
  }, [open]);
  if (!account) {
    const go = (/** @type {MouseEvent} */ event) => {
      /** @type {HTMLAnchorElement} */ (event.currentTarget).href = loginPath(); // the map has moved since the last drawing
    };
    return html`<div class="account"><a href=${loginPath()} onClick=${go}>${t(language, "account.login")}</a></div>`;
  }
  const name = partIn(language, account.name);
  return html`<div class="account" ref=${place}>
    <button aria-expanded=${open} aria-label=${t(language, "account.label", { name })} onClick=${() => setOpen(!open)}>
      <span class="initial" data-initial=${[...name][0]} /><span class="who">${name}</span>
      ${account.elevations?.length ? html`<span class="told" title=${t(language, "elevation.title")}>!</span>` : ""}
    </button>
    ${open && html`<${Card} language=${language} account=${account} onLogOut=${onLogOut} />`}
  </div>`;
}

/** @param {{ language: Language, account: Account, onLogOut: () => void }} props */
function Card({ language, account, onLogOut }) {
  const between = language === "en" ? ", " : "、";
  const roles = account.roles.map((role) => t(language, `role.${role}`)).join(between);
  const rows = [
    ["account.role", roles || t(language, "account.none")],
    ["account.area", account.areas.join(between) || t(language, "account.everywhere")],
    ["account.department", account.departments.map((one) => t(language, `department.${one}`)).join(between)],
    ["account.purpose", account.purpose ? purposeTitle(language, account.purpose) : ""],
    ["account.method", t(language, `account.method.${account.method}`)],
  ];
  return html`<div class="card popover" role="dialog" aria-label=${t(language, "account.title")}>
    <strong>${partIn(language, account.name)}</strong>
    <dl>${rows.filter(([, value]) => value).map(([key, value]) => html`<dt>${t(language, key ?? "")}</dt><dd>${value}</dd>`)}</dl>
    <${Elevations} language=${language} account=${account} />
    <button class="primary" onClick=${onLogOut}>${t(language, "account.logout")}</button>
  </div>`;
}
