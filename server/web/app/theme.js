// Which style the map is drawn in: the address says it, else what was chosen last, else the dark one.

export const USUAL_THEME = "dark";
const STORED = "onemap.style";

/**
 * @param {string | null} asked  by the address
 * @returns {string}
 */
export function preferredTheme(asked) {
  return asked || localStorage.getItem(STORED) || USUAL_THEME;
}

/** @param {string} theme */
export function rememberTheme(theme) {
  localStorage.setItem(STORED, theme);
}
