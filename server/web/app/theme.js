// The style of the map: that of the address, else the last choice, else the dark one.

export const USUAL_THEME = "dark";
const STORED = "onemap.style";

/**
 * @param {string | null} requested  in the address
 * @returns {string}
 */
export function preferredTheme(requested) {
  return requested || localStorage.getItem(STORED) || USUAL_THEME;
}

/** @param {string} theme */
export function rememberTheme(theme) {
  localStorage.setItem(STORED, theme);
}
