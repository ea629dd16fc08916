// Style sheets of what is not on the first view, added when it is shown; addresses are relative to this file's own.

/** @type {Map<string, Promise<void>>} */
const added = new Map();

/**
 * Add a style sheet once.
 * @param {string} name  below the folder of the page's files: css/phone.css, vendor/uplot.css
 * @returns {Promise<void>} resolves when it is in force, or cannot be read: what it dresses is shown plainly then
 */
export function addSheet(name) {
  const known = added.get(name);
  if (known) return known;
  const link = document.createElement("link");
  link.rel = "stylesheet";
  link.href = new URL(`../${name}`, import.meta.url).href;
  const reading = new Promise((/** @type {(value: void) => void} */ resolve) => {
    link.addEventListener("load", () => resolve());
    link.addEventListener("error", () => resolve());
  });
  document.head.append(link);
  added.set(name, reading);
  return reading;
}
