// Which face of the page is shown: the one of the link, else by width and by who is logged in.

import { isHandheld } from "./screen.js";

/** @typedef {"desk" | "board" | "phone"} FaceName */

/** @type {readonly FaceName[]} */
export const FACES = ["desk", "board", "phone"];
const WALL = "(min-width: 1600px)";

/**
 * @param {string | null} name
 * @returns {FaceName | null}
 */
export function knownFace(name) {
  return FACES.find((face) => face === name) ?? null;
}

/**
 * The face for a state: a grid worker works on the phone, a leader looks at the board, everybody else is at the desk.
 * @param {Pick<import("./types.js").State, "face" | "account">} state
 * @returns {FaceName}
 */
export function faceOf({ face, account }) {
  if (face) return face;
  const roles = account?.roles ?? [];
  if (isHandheld() && roles.includes("grid_worker")) return "phone";
  if (matchMedia(WALL).matches && roles.includes("leader")) return "board";
  return "desk";
}
