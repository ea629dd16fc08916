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
  try {
    const headers = { accept: "application/json", ...(body ? { "content-type": "application/json" } : {}) };
    const answer = await fetch(`${kept.dataset["root"]}${one.dataset["to"]}`, {
      method: one.dataset["method"] ?? "POST",
      headers,
      body: body ? JSON.stringify(body) : null,
      cache: "no-store",
    });
    const said = await answer.json().catch(() => ({}));
    if (!answer.ok) throw new Error(said.detail ?? `${answer.status} ${answer.statusText}`);
    if (one.dataset["keeps"] === undefined) await replacePart(kept);
    else showOnce(one, said);
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
    body[field.name] = field.dataset["list"] === undefined ? value : value.split(/\s+/u).filter(Boolean);
  }
  return body;
}

/**
 * Show the password of a new account beside the form; it stands nowhere else, and goes with the page.
 * @param {HTMLElement} form
 * @param {{ name: string, password: string, needs_totp: boolean }} said
 */
function showOnce(form, said) {
  const place = /** @type {HTMLElement} */ (form.parentElement?.querySelector(".once"));
  const part = (/** @type {string} */ selector) => /** @type {HTMLElement} */ (place.querySelector(selector));
  part("[data-once]").textContent = said.password;
  for (const name of place.querySelectorAll("[data-name]")) name.textContent = said.name;
  part("[data-totp]").hidden = !said.needs_totp;
  place.hidden = false;
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
