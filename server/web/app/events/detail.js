// One event beside the list: how its limits stand, what became of it, and who answers for it.

import { html, useEffect, useState } from "../../vendor/preact.mjs";
import { fetchJson, featurePath } from "../api.js";
import { formatError, t } from "../i18n.js";
import { at } from "../state/time.js";
import { minute } from "../time/clock.js";
import { dayAndTime } from "../time/words.js";
import { Chain } from "./chain.js";
import { LAYER } from "./filters.js";
import { EventNotes } from "./notes.js";
import { placeOf } from "./places.js";
import { Steps } from "./steps.js";
import { SHAPES, coded, limitOf, worded } from "./words.js";

/** @typedef {import("../types.js").State} State */
/** @typedef {import("../types.js").Feature} Feature */
/** @typedef {{ event: Feature, log: import("./steps.js").LogStep[], chain: import("./chain.js").Rung[] | null }} Known */

const ABOUT = ["lead_org", "assist_orgs", "handler_id", "level_current", "description_redacted", "description", "address", "waterway_code", "device_ids", "confidence"];
const ESCALATION = ["rule_ids", "notify_levels", "alert_count", "report_due_at", "report_overdue"];

/**
 * @param {string} id
 * @param {string | null} moment
 * @returns {Promise<Known>}
 */
async function read(id, moment) {
  const then = moment ? `&at=${encodeURIComponent(moment)}` : "";
  const event = await fetchJson(`${featurePath(LAYER, id, "json")}${then}`);
  const matter = String(event.properties["event_class"] ?? "");
  const question = new URLSearchParams({ layer: LAYER, id, ...(matter ? { matter } : {}), ...(moment ? { at: moment } : {}) });
  const [log, chain] = await Promise.all([
    fetchJson(`twin/events/${encodeURIComponent(id)}/log`).then(({ steps }) => steps, () => []), // the past is not for everybody
    fetchJson(`twin/responsibility?${question}`).then(({ chain: found }) => found, () => null),
  ]);
  const known = (/** @type {{ known_at: string }} */ step) => !moment || Date.parse(step.known_at) <= Date.parse(moment);
  return { event, log: log.filter(known), chain };
}

/** @param {{ state: State, id: string, changes: number, onClose: () => void }} props */
export function Detail({ state, id, changes, onClose }) {
  const { language } = state;
  const [known, setKnown] = useState(/** @type {Known | null} */ (null));
  const [fault, setFault] = useState(/** @type {unknown} */ (null));
  const [again, setAgain] = useState(0);
  const moment = at.value;
  useEffect(() => {
    let current = true;
    read(id, moment).then(
      (found) => {
        if (!current) return;
        setKnown(found);
        setFault(null);
      },
      (error) => current && setFault(error),
    );
    return () => {
      current = false;
    };
  }, [id, moment, changes, again, state.account?.id]);
  const shown = known?.event.id === id ? known : null;
  return html`<aside class="event-detail" aria-label=${t(language, "event.title")} aria-busy=${!shown}>
    <button class="tool" aria-label=${t(language, "panel.close")} onClick=${onClose}>×</button>
    ${fault !== null && html`<p class="wrong" role="alert">${t(language, "panel.missing", { detail: formatError(language, fault) })}
      <button class="plain" onClick=${() => setAgain(again + 1)}>${t(language, "state.retry")}</button></p>`}
    ${!shown && fault === null && html`<p class="soft">${t(language, "panel.loading")}</p>`}
    ${shown && html`<div class=${fault === null ? "" : "stale"}><${Facts} state=${state} known=${shown} /></div>`}
  </aside>`;
}

/** @param {{ state: State, known: Known }} props */
function Facts({ state, known: { event, log, chain } }) {
  const { language } = state;
  const { properties } = event;
  const limit = limitOf(language, properties, minute.value);
  const due = Date.parse(properties["due_at"] ?? "");
  const severity = coded(state, "event_severity", properties["severity"]);
  return html`
    <h3>${properties["title"] ?? event.id}</h3>
    <p class="about">
      ${severity.label && html`<span class="level" style=${{ "--color": severity.color }}>${severity.label}</span>`}
      <span>${coded(state, "event_stage", properties["stage"]).label}</span>
      <span>${coded(state, "event_source", properties["source"]).label}</span>
      <span>${placeOf(properties)}</span>
    </p>
    <p class=${`limit large ${limit.standing}`}><i aria-hidden="true">${SHAPES[limit.standing]}</i>${limit.words}
      ${!Number.isNaN(due) && html`<small>${t(language, "event.due", { time: dayAndTime(language, due) })}</small>`}</p>
    <${EventNotes} key=${event.id} state=${state} id=${event.id} />
    <${Steps} state=${state} event=${event} log=${log} />
    <${Pairs} state=${state} title="event.escalation" names=${ESCALATION} properties=${properties} />
    ${chain && html`<${Chain} language=${language} chain=${chain} />`}
    <${Pairs} state=${state} title="event.notes" names=${ABOUT} properties=${properties} />`;
}

/** @param {{ state: State, title: string, names: string[], properties: Record<string, any> }} props */
function Pairs({ state, title, names, properties }) {
  const { language } = state;
  const fields = state.map?.layers.find(({ id }) => id === LAYER)?.fields ?? [];
  const pairs = names.flatMap((name) => {
    const field = fields.find((one) => one.name === name);
    const words = field ? worded(state, name, properties[name]) : "";
    return words && properties[name] !== false ? [{ name, words, label: language === "en" ? field?.title_en : field?.title_zh }] : [];
  });
  if (!pairs.length) return null;
  return html`<h4>${t(language, title)}</h4><dl>${pairs.map(({ name, words, label }) => html`<div key=${name}><dt>${label}</dt><dd>${words}</dd></div>`)}</dl>`;
}
