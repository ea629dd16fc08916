// The moment of the board: a step back or forward, a slider over the last day, and back to now.

import { html, useState } from "../../vendor/preact.mjs";
import { t } from "../i18n.js";
import { at } from "../state/time.js";
import { now } from "../time/clock.js";
import { move, play, playing } from "../time/player.js";
import { dayAndTime } from "../time/words.js";

const STEP_MS = 15 * 60_000;
const LENGTH_MS = 24 * 3_600_000;

/** @param {{ language: import("../types.js").Language }} props */
export function TimeBar({ language }) {
  const [open, setOpen] = useState(at.value !== null);
  const words = (/** @type {string} */ key) => t(language, key);
  if (!open && at.value === null) return html`<button class="tour" onClick=${() => setOpen(true)}>◀ ${words("board.replay")}</button>`;
  const end = Math.ceil(now.value / STEP_MS) * STEP_MS;
  const from = Math.min(end - LENGTH_MS, at.value ? Date.parse(at.value) : end);
  const value = at.value ? Date.parse(at.value) : end;
  const choose = (/** @type {any} */ event) => {
    const time = Number(event.currentTarget.value);
    playing.value = false;
    at.value = time >= Date.now() ? null : new Date(time).toISOString();
  };
  const start = () => {
    if (at.value === null) at.value = new Date(end - LENGTH_MS).toISOString();
    void play(STEP_MS);
  };
  const back = () => {
    playing.value = false;
    at.value = null;
    setOpen(false);
  };
  return html`<div class="time-bar" role="toolbar" aria-label=${words("time.controls")}>
    <button class="tour" aria-label=${words("time.back")} title=${words("time.back")} onClick=${() => move(-1, STEP_MS)}>◀</button>
    <button class="tour" onClick=${() => (playing.value ? (playing.value = false) : start())}>${playing.value ? "❚❚" : "▶"} ${words(playing.value ? "time.pause" : "time.play")}</button>
    <button class="tour" aria-label=${words("time.forward")} title=${words("time.forward")} disabled=${at.value === null} onClick=${() => move(1, STEP_MS)}>▶</button>
    <input type="range" aria-label=${words("time.slider")} aria-valuetext=${at.value ? dayAndTime(language, value) : words("time.now")}
      min=${from} max=${end} step=${STEP_MS} value=${value} onChange=${choose} />
    <button class="tour" onClick=${back}>● ${words("time.live.back")}</button>
  </div>`;
}
