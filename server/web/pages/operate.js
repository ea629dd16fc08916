// Acts on what a page of operators lists: buttons and forms say the method and the address; afterwards the list is read
// again. Browsers send our Origin with these requests, and pages of others may not make them.

import { replacePart } from "./part.js";

const kept = document.getElementById("kept");
if (kept) {
  kept.addEventListener("click", (event) => {
    const button = event.target instanceof Element ? /** @type {HTMLButtonElement | null} */ (event.target.closest("button[data-to]")) : null;
    if (button && (!button.dataset["sure"] || confirm(button.dataset["sure"]))) void act(kept, button, null);
  });
  kept.addEventListener("submit", (event) => {
    event.preventDefault();
    const form = /** @type {HTMLFormElement} */ (event.target);
    void act(kept, form, bodyOf(form));
  });
}

/**
 * @param {HTMLElement} kept
 * @param {HTMLButtonElement | HTMLFormElement} one
 * @param {Record<string, string | string[]> | null} body
 */
async function act(kept, one, body) {
  const buttons = one instanceof HTMLButtonElement ? [one] : [...one.querySelectorAll("button")];
  for (const button of buttons) button.disabled = true;
  const method = one.dataset["method"] ?? "POST";
  const inQuery = body && method === "DELETE" ? `?${new URLSearchParams(/** @type {Record<string, string>} */ (body))}` : "";
  const sent = inQuery ? null : body;
  try {
    const headers = { accept: "application/json", ...(sent ? { "content-type": "application/json" } : {}) };
    const answer = await fetch(`${kept.dataset["root"]}${one.dataset["to"]}${inQuery}`, {
      method,
      headers,
      body: sent ? JSON.stringify(sent) : null,
      cache: "no-store",
    });
    const said = await answer.json().catch(() => ({}));
    if (!answer.ok) throw new Error(said.detail ?? `${answer.status} ${answer.statusText}`);
    const fault = await replacePart(kept).catch((error) => error); // what is told once is shown in any case
    if (one.dataset["keeps"]) showOnce(kept, one, said);
    if (fault) throw fault;
    tell(kept, kept.dataset["done"] ?? "", "");
  } catch (error) {
    tell(kept, error instanceof Error ? error.message : String(error), "wrong");
  }
  for (const button of buttons) button.disabled = false;
}

/**
 * The members of a form; those that are lists are typed with spaces between.
 * @param {HTMLFormElement} form
 * @returns {Record<string, string | string[]>}
 */
function bodyOf(form) {
  /** @type {Record<string, string | string[]>} */
  const body = {};
  for (const field of /** @type {NodeListOf<HTMLInputElement>} */ (form.querySelectorAll("[name]"))) {
    const value = field.value.trim();
    if (!value && field.dataset["optional"] !== undefined) continue;
    body[field.name] = field.dataset["list"] === undefined ? value : value.split(/\s+/u).filter(Boolean);
  }
  return body;
}

/**
 * Show a new password, token or secret beside what made it; it stands nowhere else, and goes with the page.
 * @param {HTMLElement} kept  read again since
 * @param {HTMLElement} one  what made it
 * @param {Record<string, any>} said
 */
function showOnce(kept, one, said) {
  const form = [...kept.querySelectorAll("form")].find((form) => form.dataset["to"] === one.dataset["to"]);
  const beside = one.dataset["beside"];
  const place = /** @type {HTMLElement} */ (beside ? kept.querySelector(`#${beside}`) : form?.parentElement?.querySelector(".once"));
  const once = /** @type {HTMLElement} */ (place.querySelector("[data-once]"));
  once.textContent = said[one.dataset["keeps"] ?? ""];
  for (const name of place.querySelectorAll("[data-name]")) name.textContent = said["name"];
  place.querySelector("[data-totp]")?.toggleAttribute("hidden", !said["needs_totp"]);
  const picture = /** @type {HTMLImageElement | null} */ (place.querySelector("[data-qr]"));
  if (picture && said["qr"]) picture.src = said["qr"];
  place.closest("details")?.setAttribute("open", "");
  place.hidden = false;
  place.tabIndex = -1;
  place.focus();
}

/**
 * @param {HTMLElement} kept
 * @param {string} text
 * @param {string} kind
 */
function tell(kept, text, kind) {
  const told = /** @type {HTMLOutputElement} */ (kept.querySelector("output"));
  told.className = kind;
  told.value = text;
  told.scrollIntoView({ block: "nearest" });
}
