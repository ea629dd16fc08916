// The cards beside the map: each a title, a headline and a few rows that fit without scrolling.

import { html } from "../../vendor/preact.mjs";
import { t, titleOf } from "../i18n.js";
import { indicatorOf, showArea } from "../state/overview.js";
import { Bars, Columns } from "./chart.js";
import { clock, difference, explained, figure } from "./figures.js";
import { OPEN, mainIndicator } from "./main.js";

/** @typedef {import("../types.js").State} State */
/** @typedef {import("../types.js").Language} Language */
/** @typedef {import("../types.js").Topic} Topic */
/** @typedef {import("../state/overview.js").Told} Told */
/** @typedef {import("../store.js").Store} Store */

const ROWS = 5;
const KPIS_MAX = 8;
const USUAL = ["events_open", "events_overdue", "events_today", "events_closed_today", "on_time_rate", "iot_online", "workers_on_duty", "ponding_deepest", "rain_1h_max", "levels_over", "aqi_max"];

/** @param {{ name: string, language: Language, children?: any, extra?: any }} props */
export function Card({ name, language, children, extra }) {
  return html`<section class=${`card board-card ${name}`} aria-label=${t(language, `board.${name}`)}>
    <h2><span>${t(language, `board.${name}`)}</span>${extra}</h2>
    <div class="body">${children}</div>
  </section>`;
}

/** @param {{ language: Language, text?: string }} props */
export function Nothing({ language, text = "board.nothing" }) {
  return html`<p class="soft nothing">${t(language, text)}</p>`;
}

/** A number with its title. @param {{ told: Told, language: Language, id: string }} props */
export function Number({ told, language, id }) {
  const one = indicatorOf(told, id);
  if (!one) return null;
  return html`<p class="headline" title=${explained(language, one)}><span>${titleOf(language, one)}</span><b>${figure(language, one.value, one.unit)}</b></p>`;
}

/** @param {{ told: Told, language: Language }} props */
export function Rain({ told, language }) {
  const list = told.lists["rain"]?.features ?? [];
  return html`<${Card} name="rain" language=${language}>
    <${Number} told=${told} language=${language} id="rain_1h_max" />
    <${Number} told=${told} language=${language} id="levels_over" />
    <${Bars} label=${t(language, "board.rain")} rows=${list.slice(0, 4).map(({ id, properties }) => ({
      key: id, label: properties["name"] ?? id, value: properties["rain_1h_mm"], text: figure(language, properties["rain_1h_mm"], "mm") }))} />
    ${!list.length && html`<${Nothing} language=${language} text="board.no_rain" />`}
  </${Card}>`;
}

/** @param {{ told: Told, language: Language }} props */
export function Ponding({ told, language }) {
  const list = told.lists["ponding"]?.features ?? [];
  return html`<${Card} name="ponding" language=${language} extra=${html`<small>${clockOf(told, "ponding_deepest", language)}</small>`}>
    <${Number} told=${told} language=${language} id="ponding_points" />
    <${Bars} label=${t(language, "board.ponding")} rows=${list.slice(0, ROWS).map(({ id, properties }) => ({
      key: id, label: properties["name"] ?? id, value: properties["water_depth_m"], text: figure(language, properties["water_depth_m"], "m"),
      mark: properties["water_depth_m"] > 0.5 ? "alarm" : "" }))} />
    ${!list.length && html`<${Nothing} language=${language} text="board.dry" />`}
  </${Card}>`;
}

/** @param {Told} told @param {string} id @param {Language} language */
function clockOf(told, id, language) {
  const at = indicatorOf(told, id)?.observed_at;
  return at ? clock(language, at) : "";
}

/** The areas with the most of the theme's first number. @param {{ told: Told, language: Language, topic: Topic | null }} props */
export function Ranking({ told, language, topic }) {
  const main = mainIndicator(told, topic);
  const isOpen = main?.id === OPEN;
  const count = (/** @type {import("../state/overview.js").Child} */ child) => /** @type {number} */ (child.values[main?.id ?? OPEN]);
  const known = told.children.filter((child) => typeof count(child) === "number");
  const some = known.filter((child) => count(child) > 0);
  const ranked = [...some].sort((a, b) => count(b) - count(a)).slice(0, ROWS + 1);
  return html`<${Card} name="ranking" language=${language} extra=${html`<small>${isOpen ? t(language, "board.open_overdue") : titleOf(language, main ?? {})}</small>`}>
    <${Bars} label=${t(language, "board.ranking")} rows=${ranked.map((child) => ({
      key: child.code, label: child.name ?? child.code, value: count(child),
      text: isOpen ? `${figure(language, count(child))} / ${figure(language, child.values["events_overdue"])}` : figure(language, count(child)),
      onClick: () => showArea(child.code) }))} />
    ${!ranked.length && html`<${Nothing} language=${language} text=${known.length ? "board.all_zero" : "board.no_areas"} />`}
  </${Card}>`;
}

/** Rates of devices, and people and vehicles on duty. @param {{ told: Told, language: Language }} props */
export function Online({ told, language }) {
  const rates = ["video_online", "iot_online", "levels_online", "rain_online", "air_online"].map((id) => indicatorOf(told, id)).filter((one) => one?.whole);
  const pair = (/** @type {string} */ part, /** @type {string} */ whole) => {
    const [some, every] = [indicatorOf(told, part), indicatorOf(told, whole)];
    if (!some || !every?.value) return null;
    const [n, of] = [/** @type {number} */ (some.value), /** @type {number} */ (every.value)];
    return { key: part, label: t(language, `board.online.${part}`), value: (100 * n) / of, text: `${figure(language, n)} / ${figure(language, of)}` };
  };
  const rows = rates.map((one) => one && { key: one.id, label: t(language, `board.online.${one.id}`), value: plain(one.value), text: figure(language, one.value, "%"), mark: plain(one.value) < 90 ? "low" : "" });
  const all = [...rows, pair("workers_on_duty", "workers"), pair("vehicles_online", "vehicles")].filter((row) => row !== null && row !== undefined);
  return html`<${Card} name="online" language=${language}>
    <${Bars} label=${t(language, "board.online")} rows=${all} most=${100} />
    ${!all.length && html`<${Nothing} language=${language} />`}
  </${Card}>`;
}

/** @param {number | string | null} value */
const plain = (value) => (typeof value === "number" ? value : 0);

/** @param {{ told: Told, language: Language }} props */
export function Stages({ told, language }) {
  const open = indicatorOf(told, "events_open");
  const stages = (open?.by["stage"] ?? []).slice(0, ROWS);
  return html`<${Card} name="stages" language=${language}>
    <${Number} told=${told} language=${language} id="on_time_rate" />
    <${Bars} label=${t(language, "board.stages")} rows=${stages.map((one) => ({
      key: one.code ?? "", label: titleOf(language, one, "label") || t(language, "board.unknown"), value: one.value, text: figure(language, one.value) }))} />
    ${!stages.length && html`<${Nothing} language=${language} />`}
  </${Card}>`;
}

/** Median times to each step, and new and closed events by the hour. @param {{ told: Told, language: Language }} props */
export function Times({ told, language }) {
  const steps = ["accept_h", "dispatch_h", "handle_h", "close_h"].map((id) => indicatorOf(told, id)).filter((one) => typeof one?.value === "number");
  const series = ["events_new", "events_closed"].flatMap((key) => (told.trends[key] ? [{ key, values: told.trends[key].hours.map(({ value }) => value) }] : []));
  return html`<${Card} name="times" language=${language}>
    <${Bars} label=${t(language, "board.times")} rows=${steps.map((one) => one && {
      key: one.id, label: titleOf(language, one), value: Math.sqrt(plain(one.value)), text: figure(language, one.value, "h") })} />
    ${!steps.length && html`<${Nothing} language=${language} />`}
    ${series.length > 0 && html`<${Columns} series=${series} label=${t(language, "board.trend")} />
      <p class="key"><i class="events_new" />${t(language, "board.new_hour")} <i class="events_closed" />${t(language, "board.closed_hour")}</p>`}
  </${Card}>`;
}

/** @param {{ told: Told, state: State, store: Store }} props */
export function Newest({ told, state, store }) {
  const { language } = state;
  const list = told.lists["newest"]?.features;
  const label = (/** @type {string} */ codes, /** @type {string} */ code) => {
    const known = state.map?.codes[codes]?.find((one) => one.code === code);
    return known ? titleOf(language, known, "label") : "";
  };
  return html`<${Card} name="newest" language=${language}>
    <ol class="events">
      ${(list ?? []).slice(0, ROWS + 2).map(({ layer, id, properties }) => html`<li key=${id} class=${properties["overdue"] ? "late" : ""}>
        <button class="link" onClick=${() => store.set({ hits: [{ layer, id }], chosen: 0, framing: true, mode: "map", face: "desk" })}>
          <time>${clock(language, properties["occurred_at"])}</time>
          <span class="title">${properties["title"] ?? (label("event_class", properties["event_class"]) || id)}</span>
          <em>${properties["overdue"] ? t(language, "board.late") : label("event_stage", properties["stage"])}</em>
        </button>
      </li>`)}
    </ol>
    ${!list?.length && html`<${Nothing} language=${language} text=${list ? "board.no_events" : "board.not_yours"} />`}
  </${Card}>`;
}

/** The numbers across the top: the theme's, or the usual ones. @param {{ told: Told, language: Language, topic: Topic | null }} props */
export function Kpis({ told, language, topic }) {
  const known = (/** @type {readonly string[]} */ ids) => ids.map((id) => indicatorOf(told, id)).filter((one) => one !== undefined).slice(0, KPIS_MAX);
  const ofTheme = known(topic?.indicators ?? []);
  const shown = ofTheme.length ? ofTheme : known(USUAL);
  return html`<dl class="kpis" aria-label=${t(language, "board.kpis")}>
    ${shown.map((one) => {
      const before = difference(language, one);
      return html`<div key=${one.id} id=${`kpi-${one.id}`} class=${one.id === "events_overdue" && one.value ? "alarm" : ""} title=${explained(language, one)}>
        <dt>${titleOf(language, one)}</dt>
        <dd><b>${figure(language, one.value, one.unit)}</b>${before && html`<small title=${before.label}>${before.text}</small>`}</dd>
      </div>`;
    })}
  </dl>`;
}
