// What kind of screen this is.

const NARROW = "(max-width: 720px)";
const PHONE = "(max-width: 720px), (max-height: 500px) and (max-width: 1000px)";

/** Whether the page is as narrow as a phone that is held upright: panels lie below the map then. */
export function isPhone() {
  return matchMedia(NARROW).matches;
}

/** Whether this is a phone, upright or on its side. */
export function isHandheld() {
  return matchMedia(PHONE).matches;
}
