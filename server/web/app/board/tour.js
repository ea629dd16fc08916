// The tour of the board: the next area every minute, until somebody chooses one.

import { useEffect, useState } from "../../vendor/preact.mjs";
import { areaCode, overview, showArea } from "../state/overview.js";

export const EVERY_MS = 60_000;

/**
 * Whether the tour is on, and its switch. It is off for who wants little motion, and ends when an area is chosen.
 * @returns {[boolean, (on: boolean) => void]}
 */
export function useTour() {
  const [on, setOn] = useState(() => !matchMedia("(prefers-reduced-motion: reduce)").matches);
  useEffect(() => {
    if (!on) return undefined;
    let round = [""];
    let shown = areaCode.value;
    const timer = setInterval(() => {
      if (areaCode.value !== shown) return setOn(false);
      const { told } = overview.value;
      if (told && !told.area) round = ["", ...told.children.map(({ code }) => code)];
      shown = round[(round.indexOf(shown) + 1) % round.length] ?? "";
      return showArea(shown);
    }, EVERY_MS);
    return () => clearInterval(timer);
  }, [on]);
  return [on, setOn];
}
