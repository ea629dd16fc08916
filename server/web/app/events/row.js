// One event in the list.

import { html } from "../../vendor/preact.mjs";
import { shortTime } from "../time/words.js";
import { placeOf } from "./places.js";
import { SHAPES, coded, isDone, limitOf } from "./words.js";

/** @typedef {import("../types.js").State} State */
/** @typedef {import("../types.js").Feature} Feature */

/** The columns, in their order; each has a text `events.column.…`. */
export const COLUMNS = ["time", "title", "class", "stage", "severity", "limit", "area"];

/**
 * @param {{ state: State, event: Feature, index: number, top: number, minute: number, active: boolean, chosen: boolean,
 *   onPoint: (event: Feature | null) => void, onChoose: (event: Feature, index: number) => void }} props
 */
export function Row({ state, event, index, top, minute, active, chosen, onPoint, onChoose }) {
  const { language } = state;
  const { properties } = event;
  const [severity, stage] = [coded(state, "event_severity", properties["severity"]), coded(state, "event_stage", properties["stage"])];
  const limit = limitOf(language, properties, minute);
  const kind = coded(state, "event_class", properties["event_class"]).label || coded(state, "event_source", properties["source"]).label;
  const occurred = Date.parse(properties["occurred_at"] ?? "");
  const cells = {
    time: Number.isNaN(occurred) ? "" : html`<time datetime=${properties["occurred_at"]}>${shortTime(language, occurred, minute)}</time>`,
    title: html`<b title=${properties["title"] ?? event.id}>${properties["title"] ?? event.id}</b>`,
    class: kind,
    stage: html`<span class="mark-dot" style=${{ "--color": stage.color ?? "var(--faint)" }} aria-hidden="true" />${stage.label}`,
    severity: severity.label && html`<span class="level" style=${{ "--color": severity.color ?? "var(--faint)" }}>${severity.label}</span>`,
    limit: html`<span class=${`limit ${limit.standing}`}><i aria-hidden="true">${SHAPES[limit.standing]}</i>${limit.words}</span>`,
    area: html`<span title=${placeOf(properties)}>${placeOf(properties)}</span>`,
  };
  const classes = ["event", active ? "active" : "", chosen ? "chosen" : "", isDone(properties) ? "done" : ""].filter(Boolean).join(" ");
  return html`<div role="row" id=${`event-${event.id}`} class=${classes} aria-rowindex=${index + 2} aria-selected=${chosen} style=${{ transform: `translateY(${top}px)` }}
    onMouseEnter=${() => onPoint(event)} onMouseLeave=${() => onPoint(null)} onClick=${() => onChoose(event, index)}>
    ${COLUMNS.map((name) => html`<span role="gridcell" class=${`cell cell-${name}`} key=${name}>${cells[/** @type {"time"} */ (name)]}</span>`)}
  </div>`;
}
