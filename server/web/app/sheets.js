// Style sheets that only some faces need, added when they are; addresses are relative to this file's own.

/** @param {string} name  below the folder of the page's files: css/phone.css */
export function addSheet(name) {
  const href = new URL(`../${name}`, import.meta.url).href;
  if ([...document.styleSheets].some((one) => one.href === href) || document.querySelector(`link[href="${href}"]`)) return;
  const link = document.createElement("link");
  link.rel = "stylesheet";
  link.href = href;
  document.head.append(link);
}
