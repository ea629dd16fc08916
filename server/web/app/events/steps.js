// The stages of an event as a timeline: the way that a case goes, and each step with its time and who took it.

import { html } from "../../vendor/preact.mjs";
import { t } from "../i18n.js";
import { dayAndTime, spanInWords } from "../time/words.js";
import { coded, isDone } from "./words.js";

/** @typedef {import("../types.js").State} State */
/** @typedef {import("../types.js").Feature} Feature */
/** @typedef {{ seq: number, at: string, known_at: string, actor: string, action: string, rule_ids: string[],
 *   stage_from: string | null, stage_to: string | null, changed: Record<string, any> }} LogStep */

const WAY = ["collect", "file", "dispatch", "handle", "feedback", "verify", "closed"];
/** @type {[string, string][]} times of an event, when its log is not for the reader */
const TIMES = [["collect", "occurred_at"], ["file", "accepted_at"], ["dispatch", "dispatched_at"], ["handle", "handled_at"], ["verify", "verified_at"], ["closed", "closed_at"]];

/** @param {{ state: State, event: Feature, log: LogStep[] }} props */
export function Steps({ state, event, log }) {
  const { language } = state;
  const stage = String(event.properties["stage"] ?? "");
  const reached = isDone(event.properties) ? WAY.length - 1 : WAY.indexOf(stage);
  const steps = log.length ? fromLog(log) : fromTimes(event.properties);
  return html`<h4>${t(language, "event.stages")}</h4>
    <ol class="way">
      ${WAY.map((one, n) => html`<li key=${one} class=${n < reached ? "past" : n === reached ? "here" : "ahead"} aria-current=${n === reached ? "step" : undefined}>
        <span>${coded(state, "event_stage", one).label}</span></li>`)}
    </ol>
    <ol class="steps">
      ${steps.map((step, n) => {
        const before = steps[n - 1];
        const wait = before ? step.time - before.time : 0;
        return html`<li key=${step.key} class=${step.system ? "system" : ""}>
          <time datetime=${new Date(step.time).toISOString()}>${dayAndTime(language, step.time)}</time>
          <span>${step.stage ? coded(state, "event_stage", step.stage).label : t(language, "event.updated")}
            ${step.system && html` <em>${t(language, "event.by.system", { rules: step.rules })}</em>`}
            ${wait >= 60_000 && html` <small>${t(language, "event.after", { span: spanInWords(language, wait) })}</small>`}
          </span>
        </li>`;
      })}
    </ol>`;
}

/** @param {LogStep[]} log */
function fromLog(log) {
  return log.map(({ seq, at, actor, rule_ids, stage_from, stage_to }) => ({
    key: String(seq), time: Date.parse(at), system: actor === "system", rules: rule_ids.join(", "), stage: stage_to !== stage_from ? stage_to : null,
  }));
}

/** @param {Record<string, any>} properties */
function fromTimes(properties) {
  return TIMES.filter(([, name]) => properties[name]).map(([stage, name]) => ({ key: name, time: Date.parse(properties[name]), system: false, rules: "", stage }));
}
