// Cards of the board that only some themes have: lists of the overview, and an indicator by the codes of a field.

import { html } from "../../vendor/preact.mjs";
import { t, titleOf } from "../i18n.js";
import { indicatorOf } from "../state/overview.js";
import { Bars } from "./chart.js";
import { Card, Nothing, Number } from "./cards.js";
import { clock, figure } from "./figures.js";

/** @typedef {import("../types.js").State} State */
/** @typedef {import("../types.js").Language} Language */
/** @typedef {import("../state/overview.js").Told} Told */

const ROWS = 6;
const LOW_PERCENT = 90;

/** Warnings in force, each with its level and since when. @param {{ told: Told, state: State }} props */
export function InForce({ told, state: { language, map } }) {
  const severities = map?.codes["event_severity"] ?? [];
  const list = told.lists["warnings"]?.features ?? [];
  return html`<${Card} name="warnings" language=${language}>
    <${Number} told=${told} language=${language} id="warnings" />
    <ol class="events">${list.slice(0, ROWS - 1).map(({ id, properties }) => {
      const level = severities.find(({ code }) => code === properties["severity"]);
      return html`<li key=${id} class="warning" style=${{ "--color": level?.color }}>
        <time>${clock(language, properties["occurred_at"])}</time>
        <span class="title">${properties["title"] ?? id}</span>
        <em>${level ? titleOf(language, level, "label") : ""}</em>
      </li>`;
    })}</ol>
    ${!list.length && html`<${Nothing} language=${language} text="board.no_warning" />`}
  </${Card}>`;
}

/** Stations over their warning level: how high the water stands, and the level. @param {{ told: Told, language: Language }} props */
export function Levels({ told, language }) {
  const list = told.lists["levels"]?.features ?? [];
  return html`<${Card} name="levels" language=${language} extra=${html`<small>${t(language, "board.level_warning")}</small>`}>
    <${Number} told=${told} language=${language} id="levels_over" />
    <${Bars} label=${t(language, "board.levels")} rows=${list.slice(0, ROWS - 1).map(({ id, properties }) => ({
      key: id, label: properties["name"] ?? id, value: properties["level_m"],
      text: `${figure(language, properties["level_m"])} / ${figure(language, properties["warning_level_m"], "m")}`,
      mark: properties["alarm"] === "guarantee" ? "alarm" : "low" }))} />
    ${!list.length && html`<${Nothing} language=${language} text="board.no_levels" />`}
  </${Card}>`;
}

/**
 * A card of an indicator by the codes of one of its fields: the most first, of rates the lowest.
 * @param {string} name  of the card
 * @param {string} id  of the indicator
 * @param {string} field
 */
export const byCode = (name, id, field) => (/** @type {{ told: Told, language: Language }} */ { told, language }) => {
  const one = indicatorOf(told, id);
  const codes = [...(one?.by[field] ?? [])].sort((a, b) => (one?.unit === "%" ? a.value - b.value : b.value - a.value));
  const rest = codes.length > ROWS ? codes.splice(ROWS - 1) : [];
  const rows = codes.map(({ code, value, ...words }) => ({
    key: code ?? "", label: titleOf(language, words, "label") || t(language, "board.unknown"), value, text: figure(language, value, one?.unit),
    mark: one?.unit === "%" && value < LOW_PERCENT ? "low" : "" }));
  const sum = rest.reduce((all, { value }) => all + value, 0);
  if (rest.length && one?.unit !== "%") rows.push({ key: "rest", label: t(language, "board.rest", { n: rest.length }), value: sum, text: figure(language, sum), mark: "" });
  return html`<${Card} name=${name} language=${language}>
    <${Number} told=${told} language=${language} id=${id} />
    <${Bars} label=${t(language, `board.${name}`)} rows=${rows} most=${one?.unit === "%" ? 100 : 0} />
    ${!rows.length && html`<${Nothing} language=${language} />`}
  </${Card}>`;
};
