// The tab of time: events by step under a slider, playing, and two moments side by side.

import { html, useEffect, useState } from "../../vendor/preact.mjs";
import { condition, isNarrowed } from "../events/filters.js";
import { formatError, t } from "../i18n.js";
import { isAhead } from "../map/ahead.js";
import { prepareMoment } from "../map/hot.js";
import { layerOf } from "../store.js";
import { at, compared, nothingThen } from "../state/time.js";
import { now } from "./clock.js";
import { Histogram, useCounts } from "./histogram.js";
import { SPEEDS, move, moved, play, playing, speed } from "./player.js";
import { SPANS, span, spanId, windowOf } from "./windows.js";
import { dayAndTime } from "./words.js";

/** @typedef {import("../store.js").Store} Store */
/** @typedef {import("../types.js").State} State */
/** @typedef {import("../types.js").Language} Language */
/** @typedef {{ from: number, to: number }} Window */

/** @param {{ store: Store, state: State }} props */
export default function TimePanel({ state, store }) {
  const { language } = state;
  const chosen = span();
  const lookBack = useFirstStep(store, chosen.step_ms);
  const minute = Math.floor(now.value / 60_000) * 60_000;
  const { from, to } = windowOf(chosen, at.value, minute);
  const layer = layerOf(state, "events");
  const narrowed = isNarrowed();
  const { steps, fault, again } = useCounts(from, to, chosen.step, narrowed && layer ? condition(state) : "", at.value ? 0 : minute);
  const forbidden = useForbidden(layer);
  useEffect(() => () => void (playing.value = false), []);
  const moments = [at.value, compared.value].filter((one) => one !== null).map((one) => Date.parse(/** @type {string} */ (one)));
  return html`<div class="time-panel" onPointerEnter=${lookBack}>
    <${Controls} language=${language} />
    ${forbidden && html`<p class="wrong" role="alert">${t(language, "time.forbidden")}</p>`}
    ${nothingThen.value && html`<p class="soft nothing-then">${t(language, "time.nothing.why")}</p>`}
    <div class="time-axis">
      ${fault !== null && html`<p class="wrong" role="alert">${t(language, "time.error", { detail: formatError(language, fault) })}
        <button class="plain" onClick=${again}>${t(language, "state.retry")}</button></p>`}
      ${steps ? html`<${Histogram} language=${language} steps=${steps} from=${from} to=${to} moments=${moments} />`
        : fault === null && html`<p class="soft" role="status"><span class="spinner" />${t(language, "panel.loading")}</p>`}
      <${Slider} language=${language} label="time.slider" moment=${at} window=${{ from, to }} step_ms=${chosen.step_ms} />
      ${compared.value && html`<${Slider} language=${language} label="time.slider.left" moment=${compared} window=${{ from, to }} step_ms=${chosen.step_ms} />`}
      <p class="ends"><span>${dayAndTime(language, from)}</span>
        <span>${t(language, narrowed ? "time.narrowed" : "time.legend")}</span><span>${dayAndTime(language, Math.min(to, now.value))}</span></p>
    </div>
  </div>`;
}

/**
 * In the present a step back is what comes next: what moves is asked for as of then, when the panel opens, and again for whoever
 * comes to it later.
 * @param {Store} store
 * @param {number} step_ms
 * @returns {() => void} asks, if need be
 */
function useFirstStep(store, step_ms) {
  const first = at.value === null ? moved(null, -1, step_ms) : null;
  const ready = store.get().map !== null;
  const lookBack = () => void (first && ready && !isAhead(first) && prepareMoment(store, first));
  useEffect(lookBack, [first, ready]);
  return lookBack;
}

/**
 * Whether the reader may not see the past; then the page returns to the present.
 * @param {import("../types.js").Layer | undefined} events  undefined for who sees none
 */
function useForbidden(events) {
  const [forbidden, setForbidden] = useState(false);
  const past = at.value !== null;
  const refused = events !== undefined && !events.past;
  useEffect(() => {
    if (!past) return;
    setForbidden(refused);
    if (!refused) return;
    playing.value = false;
    at.value = null;
  }, [past, refused]);
  return forbidden;
}

/** @param {{ language: Language }} props */
function Controls({ language }) {
  const chosen = span();
  const isPlaying = playing.value;
  const live = at.value === null;
  const by = (/** @type {number} */ steps) => move(steps, span().step_ms); // as it is when somebody presses, not when it was drawn
  const start = () => {
    if (playing.value) return void (playing.value = false);
    if (at.value === null) at.value = new Date(windowOf(span(), null, Date.now()).from).toISOString();
    void play(span().step_ms);
  };
  const beside = () => {
    compared.value = compared.value ? null : new Date(Math.floor((at.value ? Date.parse(at.value) : Date.now()) / chosen.step_ms) * chosen.step_ms - chosen.length_ms / 2).toISOString();
  };
  const words = (/** @type {string} */ key) => t(language, key);
  return html`<div class="time-controls" role="toolbar" aria-label=${words("time.controls")}>
    <button class="tool" aria-label=${words("time.back")} title=${words("time.back")} onClick=${() => by(-1)}>◀</button>
    <button class="primary" onClick=${start}>${isPlaying ? "❚❚" : "▶"} ${words(isPlaying ? "time.pause" : "time.play")}</button>
    <button class="tool" aria-label=${words("time.forward")} title=${words("time.forward")} disabled=${live} onClick=${() => by(1)}>▶</button>
    <select aria-label=${words("time.window")} title=${words("time.window")} onChange=${(/** @type {any} */ event) => (spanId.value = event.currentTarget.value)}>
      ${SPANS.map(({ id }) => html`<option value=${id} key=${id} selected=${id === chosen.id}>${words(`time.window.${id}`)}</option>`)}
    </select>
    <select aria-label=${words("time.speed")} title=${words("time.speed")} onChange=${(/** @type {any} */ event) => (speed.value = Number(event.currentTarget.value))}>
      ${SPEEDS.map((one) => html`<option value=${one} key=${one} selected=${one === speed.value}>${t(language, "time.speed.of", { n: one })}</option>`)}
    </select>
    <button class="flag" aria-pressed=${compared.value !== null} onClick=${beside}>${words("time.compare")}</button>
    <output aria-live=${isPlaying ? "off" : "polite"}>${live ? words("time.now") : t(language, "time.replay", { time: dayAndTime(language, Date.parse(/** @type {string} */ (at.value))) })}</output>
    <button class="primary live" disabled=${live} onClick=${() => { playing.value = false; at.value = null; }}>● ${words("time.live.back")}</button>
  </div>`;
}

/** @param {{ language: Language, label: string, moment: { value: string | null }, window: Window, step_ms: number }} props */
function Slider({ language, label, moment, window: { from, to }, step_ms }) {
  const value = moment.value ? Date.parse(moment.value) : to;
  const choose = (/** @type {Event} */ event) => {
    playing.value = false;
    const time = Number(/** @type {HTMLInputElement} */ (event.currentTarget).value);
    moment.value = time >= Date.now() ? null : new Date(time).toISOString();
  };
  return html`<input type="range" aria-label=${t(language, label)} aria-valuetext=${moment.value ? dayAndTime(language, value) : t(language, "time.now")}
    min=${from} max=${to} step=${step_ms} value=${Math.min(to, Math.max(from, value))} onInput=${choose} />`;
}
