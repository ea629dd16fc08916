// The two columns of cards: those of the theme, or the usual ones. A card is one line here.

import { html } from "../../vendor/preact.mjs";
import { Newest, Online, Ponding, Rain, Ranking, Stages, Times } from "./cards.js";
import { InForce, Levels, byCode } from "./lists.js";
import { Notes } from "./notes.js";

/** @typedef {import("../types.js").State} State */
/** @typedef {import("../types.js").Topic} Topic */
/** @typedef {import("../types.js").Language} Language */
/** @typedef {import("../state/overview.js").Told} Told */
/** @typedef {{ told: Told, state: State, store: import("../store.js").Store, language: Language, topic: Topic | null }} CardProps */

/** @type {Record<string, { card: (props: CardProps) => any, weight: number }>} by name, with its share of the height */
const CARDS = {
  warnings: { card: InForce, weight: 0.9 },
  rain: { card: Rain, weight: 0.9 },
  levels: { card: Levels, weight: 1 },
  ponding: { card: Ponding, weight: 0.95 },
  ranking: { card: Ranking, weight: 1 },
  online: { card: Online, weight: 1.15 },
  devices: { card: byCode("devices", "iot_online", "device_type"), weight: 1.15 },
  vehicles: { card: byCode("vehicles", "vehicles_online", "vehicle_kind"), weight: 1.15 },
  newest: { card: Newest, weight: 1.25 },
  sources: { card: byCode("sources", "events_open", "source"), weight: 1.15 },
  classes: { card: byCode("classes", "events_open", "event_class"), weight: 1.15 },
  stages: { card: Stages, weight: 1.05 },
  times: { card: Times, weight: 1.2 },
  notes: { card: Notes, weight: 0.8 },
};
const USUAL = ["rain", "ponding", "ranking", "online", "newest", "stages", "times", "notes"];

/**
 * The names of the cards in each column: the first half on the left.
 * @param {Topic | null} topic
 * @returns {[string[], string[]]}
 */
function split(topic) {
  const named = (topic?.cards ?? []).filter((name) => CARDS[name]);
  const names = named.length ? named : USUAL;
  const half = Math.ceil(names.length / 2);
  return [names.slice(0, half), names.slice(half)];
}

/** @param {Omit<CardProps, "language">} props */
export function Cards(props) {
  const all = { ...props, language: props.state.language };
  const column = (/** @type {string} */ side, /** @type {string[]} */ names) => {
    const cards = names.map((name) => ({ name, ...(/** @type {typeof CARDS[string]} */ (CARDS[name])) }));
    return html`<div class=${side} key=${names.join()} style=${{ "--rows": cards.map(({ weight }) => `minmax(0, ${weight}fr)`).join(" ") }}>
      ${cards.map(({ name, card: One }) => html`<${One} key=${name} ...${all} />`)}</div>`;
  };
  const [left, right] = split(props.topic);
  return html`${column("left", left)}${column("right", right)}`;
}
