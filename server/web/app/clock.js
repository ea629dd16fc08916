// The passing of time, for what shows an age.

import { useEffect, useState } from "../vendor/preact.mjs";

/**
 * The present in milliseconds, again and again while a component is shown.
 * @param {number} [every_ms]
 */
export function useNow(every_ms = 1000) {
  const [now, setNow] = useState(Date.now());
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), every_ms);
    return () => clearInterval(timer);
  }, [every_ms]);
  return now;
}
