// The bottom sheet: a look, half of the screen, or all of it; dragged by its handle, or stepped with the keyboard.

import { html, useRef } from "../../vendor/preact.mjs";
import { t } from "../i18n.js";

/** @typedef {import("../types.js").Language} Language */
/** @typedef {"peek" | "half" | "full"} Stop */

/** @type {readonly Stop[]} */
const STOPS = ["peek", "half", "full"];
const TAP_PIXELS = 6;

/** @param {{ language: Language, stop: Stop, onStop: (stop: Stop) => void, label: string, children?: any }} props */
export function Sheet({ language, stop, onStop, label, children }) {
  const sheet = useRef(/** @type {HTMLElement | null} */ (null));
  const drag = useDrag(sheet, stop, onStop);
  const step = (/** @type {number} */ by) => {
    const next = STOPS[STOPS.indexOf(stop) + by];
    if (next) onStop(next);
  };
  const onKey = (/** @type {KeyboardEvent} */ event) => {
    if (event.key === "ArrowUp") step(1);
    else if (event.key === "ArrowDown") step(-1);
    else return;
    event.preventDefault();
  };
  return html`<section class=${`sheet ${stop}`} ref=${sheet} aria-label=${label}>
    <button class="grip" aria-expanded=${stop !== "peek"} aria-label=${t(language, stop === "full" ? "panel.collapse" : "panel.expand")}
      onKeyDown=${onKey} ...${drag}><span aria-hidden="true" /></button>
    <div class="sheet-body">${children}</div>
  </section>`;
}

/**
 * Follow a finger: the sheet has its height while it is dragged, and the nearest stop's after that. A tap is the next stop.
 * @param {{ current: HTMLElement | null }} sheet
 * @param {Stop} stop
 * @param {(stop: Stop) => void} onStop
 */
function useDrag(sheet, stop, onStop) {
  const from = useRef({ y: 0, height: 0, moved: false });
  const end = () => {
    const element = sheet.current;
    if (!element) return;
    const height = element.offsetHeight;
    element.classList.remove("dragged");
    element.style.removeProperty("height");
    if (from.current.moved) onStop(nearest(height, element.parentElement?.offsetHeight ?? height));
  };
  return {
    onPointerDown(/** @type {PointerEvent} */ event) {
      from.current = { y: event.clientY, height: sheet.current?.offsetHeight ?? 0, moved: false };
      /** @type {HTMLElement} */ (event.currentTarget).setPointerCapture(event.pointerId);
    },
    onPointerMove(/** @type {PointerEvent} */ event) {
      const element = sheet.current;
      const by = from.current.y - event.clientY;
      if (!element || !event.buttons || (!from.current.moved && Math.abs(by) < TAP_PIXELS)) return;
      from.current.moved = true;
      element.classList.add("dragged");
      element.style.height = `${Math.max(60, from.current.height + by)}px`;
    },
    onPointerUp: end,
    onPointerCancel: end,
    onClick() {
      if (!from.current.moved) onStop(stop === "half" ? "full" : "half");
      from.current.moved = false;
    },
  };
}

/**
 * @param {number} height
 * @param {number} whole
 * @returns {Stop}
 */
function nearest(height, whole) {
  const share = height / Math.max(whole, 1);
  return share < 0.33 ? "peek" : share < 0.72 ? "half" : "full";
}
