// Style sheets of what is not on the first view, read when it is shown.

/** @type {Map<string, Promise<void>>} */
const loaded = new Map();

/**
 * Read a style sheet once.
 * @param {string} path  below the page's own files: `css/events.css`, `vendor/uplot.css`
 * @returns {Promise<void>} resolves when it is in force
 */
export function loadStyles(path) {
  const known = loaded.get(path);
  if (known) return known;
  const link = document.createElement("link");
  link.rel = "stylesheet";
  link.href = new URL(`../${path}`, import.meta.url).href;
  const reading = new Promise((/** @type {(value: void) => void} */ resolve, reject) => {
    link.addEventListener("load", () => resolve());
    link.addEventListener("error", () => reject(new Error(path)));
  });
  document.head.append(link);
  loaded.set(path, reading);
  return reading;
}
