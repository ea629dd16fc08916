// Long lists: rows of one height in a scrolling element, drawn as far as they are seen, and the keys that walk them.

import { useLayoutEffect, useMemo, useRef, useState } from "../../vendor/preact.mjs";
import { Virtualizer, elementScroll, observeElementOffset, observeElementRect } from "../../vendor/virtual-core/index.js";

/** @typedef {{ id: string }} Listed */

/**
 * @param {{ current: HTMLElement | null }} frame  what scrolls
 * @param {readonly Listed[]} rows
 * @param {number} rowPx  height of each
 * @param {number} [headPx]  height of a head that sticks to the top of the frame
 */
export function useVirtual(frame, rows, rowPx, headPx = 0) {
  const [, draw] = useState(0);
  const virtual = useMemo(() => new Virtualizer(/** @type {any} */ ({
    count: rows.length, getScrollElement: () => frame.current, estimateSize: () => rowPx, overscan: 6, scrollPaddingStart: headPx,
    scrollToFn: elementScroll, observeElementRect, observeElementOffset, onChange: () => draw((n) => n + 1),
  })), []);
  virtual.setOptions({ ...virtual.options, count: rows.length });
  useLayoutEffect(() => virtual._didMount(), []);
  useLayoutEffect(() => virtual._willUpdate());
  keepPlace(frame, rows, rowPx);
  return virtual;
}

/**
 * The place that a key goes to from another; undefined for a key that goes nowhere.
 * @param {string} key
 * @param {number} place  -1 before the first
 * @param {number} count
 * @param {HTMLElement | null} frame
 * @param {number} rowPx
 * @returns {number | undefined}
 */
export function placeAfter(key, place, count, frame, rowPx) {
  const page = Math.max(1, Math.floor((frame?.clientHeight ?? 0) / rowPx) - 1);
  /** @type {Record<string, number>} */
  const targets = { ArrowDown: place + 1, ArrowUp: Math.max(0, place - 1), PageDown: place + page, PageUp: place - page, Home: 0, End: count - 1 };
  return targets[key];
}

/**
 * Keep the first seen row where it is while rows above it come and go.
 * @param {{ current: HTMLElement | null }} frame
 * @param {readonly Listed[]} rows
 * @param {number} rowPx
 */
function keepPlace(frame, rows, rowPx) {
  const before = useRef(rows);
  useLayoutEffect(() => {
    const [element, old] = [frame.current, before.current];
    before.current = rows;
    if (!element || old === rows || element.scrollTop < rowPx) return;
    const seen = Math.floor(element.scrollTop / rowPx);
    const places = new Map(rows.map(({ id }, n) => [id, n]));
    for (let n = seen; n < old.length; n++) {
      const place = places.get(/** @type {Listed} */ (old[n]).id);
      if (place === undefined) continue;
      element.scrollTop += (place - n) * rowPx;
      return;
    }
  }, [rows]);
}
