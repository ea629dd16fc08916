// One task: what it is, the next step, and whom to call.

import { html, useEffect, useState } from "../../vendor/preact.mjs";
import { formatError, formatTime, t } from "../i18n.js";
import { metresTo } from "../state/place.js";
import { openTask, readTasks } from "../state/tasks.js";
import { Chain } from "./chain.js";
import { PhoneIcon } from "./classes.js";
import { codeTitle } from "./codes.js";
import { fetchChain, sendStep } from "./requests.js";
import { Mark, titleOfTask } from "./tasks.js";
import { age, distance, limit } from "./words.js";

/** @typedef {import("../types.js").State} State */
/** @typedef {import("../types.js").Feature} Feature */

const EXPLAINED = ["return", "suspend"];

/** @param {{ state: State, task: Feature }} props */
export function Task({ state: { language }, task }) {
  const { properties } = task;
  const words = properties["description"] ?? properties["description_redacted"];
  const rows = [
    ["phone.task.stage", codeTitle(language, "event_stage", properties["stage"])],
    ["phone.task.due", properties["due_at"] && `${formatTime(language, properties["due_at"])} · ${limit(language, properties["due_at"])}`],
    ["phone.task.occurred", properties["occurred_at"] && `${formatTime(language, properties["occurred_at"])} · ${age(language, properties["occurred_at"])}`],
    ["phone.task.place", [properties["address"], distance(language, metresTo(task))].filter(Boolean).join(" · ")],
    ["phone.task.org", properties["lead_org"]],
    ["panel.id", task.id],
  ];
  return html`<article class="task-open">
    <button class="back" onClick=${() => (openTask.value = "")}><${PhoneIcon} name="back" />${t(language, "phone.task.back")}</button>
    <h2><${Mark} language=${language} task=${task} />${titleOfTask(language, task)}</h2>
    ${words && html`<p class="words">${words}</p>`}
    <${Steps} language=${language} task=${task} />
    <dl>${rows.filter(([, value]) => value).map(([key, value]) => html`<div key=${key}><dt>${t(language, key ?? "")}</dt><dd>${value}</dd></div>`)}</dl>
    <${Callable} language=${language} task=${task} />
  </article>`;
}

/** @param {{ language: import("../types.js").Language, task: Feature }} props */
function Steps({ language, task }) {
  const steps = /** @type {string[]} */ (task.properties["steps"] ?? []);
  const [note, setNote] = useState("");
  const [asking, setAsking] = useState("");
  const [busy, setBusy] = useState(false);
  const [fault, setFault] = useState(/** @type {unknown} */ (null));
  const take = async (/** @type {string} */ step) => {
    if (EXPLAINED.includes(step) && !note.trim()) return setAsking(step);
    setBusy(true);
    setFault(null);
    try {
      await sendStep(task.id, { step, version: task.properties["version"], note: note.trim() });
      setNote("");
      setAsking("");
    } catch (error) {
      setFault(error);
    }
    await readTasks(); // also after a refusal: somebody else may have been first
    setBusy(false);
  };
  if (!steps.length) return null;
  return html`<div class="steps" aria-busy=${busy}>
    ${(asking || steps.includes("finish")) && html`<label>${t(language, asking ? "phone.step.why" : "phone.step.note")}
      <textarea rows="2" maxlength="1000" value=${note} onInput=${(/** @type {any} */ event) => setNote(event.currentTarget.value)} /></label>`}
    <div class="step-buttons">${steps.map((step) => html`<button key=${step} class=${EXPLAINED.includes(step) ? "second" : "primary"} disabled=${busy}
      onClick=${() => take(step)}>${t(language, `phone.step.${step}`)}</button>`)}</div>
    ${fault !== null && html`<p class="wrong" role="alert">${formatError(language, fault)}</p>`}
  </div>`;
}

/** @param {{ language: import("../types.js").Language, task: Feature }} props */
function Callable({ language, task }) {
  const [answer, setAnswer] = useState(/** @type {{ chain?: any[], error?: unknown }} */ ({}));
  const read = () => {
    fetchChain(task.id).then(({ chain }) => setAnswer({ chain }), (error) => setAnswer({ error }));
  };
  useEffect(read, [task.id]);
  if (answer.error) return html`<p class="stale" role="alert">${formatError(language, answer.error)} <button class="plain" onClick=${read}>${t(language, "state.retry")}</button></p>`;
  if (!answer.chain) return html`<p class="soft" role="status">${t(language, "panel.loading")}</p>`;
  return html`<${Chain} language=${language} chain=${answer.chain} />`;
}
