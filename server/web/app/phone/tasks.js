// The tasks as a list: what, how far, since when, until when; the overdue ones are marked by a shape and a word.

import { html } from "../../vendor/preact.mjs";
import { formatError, t, titleOf } from "../i18n.js";
import { metresTo } from "../state/place.js";
import { isOverdue, openTask, readTasks, tasks } from "../state/tasks.js";
import { codeTitle } from "./codes.js";
import { Task } from "./task.js";
import { age, distance, limit } from "./words.js";

/** @typedef {import("../types.js").State} State */
/** @typedef {import("../types.js").Feature} Feature */
/** @typedef {import("../types.js").Language} Language */

/** @param {{ state: State }} props */
export function Tasks({ state }) {
  const { language } = state;
  const { status, features, error, at, complete } = tasks.value;
  const open = features.find((task) => task.id === openTask.value);
  if (open) return html`<${Task} key=${open.id} state=${state} task=${open} />`;
  if (status === "loading") return html`<p class="notice" role="status"><span class="spinner" />${t(language, "phone.tasks.loading")}</p>`;
  const overdue = features.filter(isOverdue).length;
  return html`<div class="tasks">
    <h2>${t(language, "phone.tasks.count", { n: features.length, overdue })}</h2>
    ${status === "error" && html`<p class="stale" role="alert">
      ${at ? t(language, "phone.tasks.stale", { age: age(language, at) }) : t(language, "phone.tasks.error", { detail: formatError(language, error) })}
      <button class="plain" onClick=${readTasks}>${t(language, "state.retry")}</button></p>`}
    ${status === "ready" && !features.length && html`<p class="soft">${t(language, "phone.tasks.none")}</p>`}
    <ul>${features.map((task) => html`<${Row} key=${task.id} language=${language} task=${task} />`)}</ul>
    ${!complete && html`<p class="soft">${t(language, "phone.tasks.more")}</p>`}
  </div>`;
}

/** @param {{ language: Language, task: Feature }} props */
function Row({ language, task }) {
  const { properties } = task;
  const facts = [
    distance(language, metresTo(task)),
    age(language, properties["occurred_at"]),
    codeTitle(language, "event_stage", properties["stage"]),
  ];
  return html`<li>
    <button class="task" data-task=${task.id} onClick=${() => (openTask.value = task.id)}>
      <${Mark} language=${language} task=${task} />
      <span class="task-words"><strong>${titleOfTask(language, task)}</strong><small>${facts.filter(Boolean).join(" · ")}</small></span>
      <span class="task-due">${limit(language, properties["due_at"])}${properties["mine"] && html`<b>${t(language, "phone.tasks.mine")}</b>`}</span>
    </button>
  </li>`;
}

/** @param {{ language: Language, task: Feature }} props */
export function Mark({ language, task }) {
  if (isOverdue(task)) return html`<span class="task-mark overdue">${t(language, "phone.tasks.overdue")}</span>`;
  const severity = task.properties["severity"];
  const urgent = severity === "1" || severity === "2";
  return html`<span class=${`task-mark ${urgent ? "urgent" : "plainly"}`}>${urgent ? codeTitle(language, "event_severity", severity) : ""}</span>`;
}

/**
 * @param {Language} language
 * @param {Feature} task
 */
export function titleOfTask(language, task) {
  const { title, event_class: kind } = task.properties;
  return String(title || codeTitle(language, "event_class", kind) || titleOf(language, { id: task.id }));
}
