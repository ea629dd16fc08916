// Filters a list of entries as one types: an entry stays when it holds every word. "/" leads to the field, Enter opens
// the first entry that is left, Escape clears.

const form = /** @type {HTMLFormElement | null} */ (document.querySelector("form[data-filter]"));
if (form) watch(form);

/** @param {HTMLFormElement} form */
function watch(form) {
  const field = /** @type {HTMLInputElement} */ (form.querySelector("input"));
  const list = /** @type {HTMLElement} */ (document.querySelector(form.dataset["filter"] ?? ""));
  const told = /** @type {HTMLOutputElement} */ (form.querySelector("output"));
  const entries = /** @type {HTMLAnchorElement[]} */ ([...list.querySelectorAll("[data-entry]")]);
  const show = () => {
    const count = filter(list, entries, field.value);
    told.value = field.value ? (told.dataset["text"] ?? "").replace("{n}", String(count)) : "";
  };
  field.addEventListener("input", show);
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    entries.find((entry) => !entry.hidden)?.click();
  });
  document.addEventListener("keydown", (event) => {
    const typing = event.target instanceof HTMLInputElement || event.ctrlKey || event.metaKey || event.altKey;
    if (event.key === "/" && !typing) {
      event.preventDefault();
      field.focus();
    } else if (event.key === "Escape" && event.target === field) {
      field.value = "";
      show();
    }
  });
  show(); // a browser keeps what was typed when one comes back
}

/**
 * @param {HTMLElement} list
 * @param {HTMLElement[]} entries
 * @param {string} text
 * @returns {number} entries that are left
 */
function filter(list, entries, text) {
  const words = text.toLowerCase().split(/\s+/).filter(Boolean);
  for (const entry of entries) {
    const holds = (entry.dataset["entry"] ?? "").toLowerCase();
    entry.hidden = !words.every((word) => holds.includes(word));
  }
  for (const group of /** @type {NodeListOf<HTMLElement>} */ (list.querySelectorAll("[data-group]"))) {
    group.hidden = !group.querySelector("[data-entry]:not([hidden])");
  }
  const left = entries.filter((entry) => !entry.hidden).length;
  const none = /** @type {HTMLElement | null} */ (list.querySelector("[data-none]"));
  if (none) none.hidden = left > 0;
  return left;
}

export {};
