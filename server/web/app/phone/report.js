// A report in three taps: the tab (the place is there already), a class, send. Words and pictures as one likes.

import { html, useState } from "../../vendor/preact.mjs";
import { signal } from "../../vendor/signals.mjs";
import { formatError, t, titleOf } from "../i18n.js";
import { keep, newId, outbox } from "../state/outbox.js";
import { located, place, placeFault, relocate } from "../state/place.js";
import { ClassIcon } from "./classes.js";
import { classes } from "./codes.js";
import { Outbox } from "./outbox.js";
import { Pictures } from "./pictures.js";
import { age } from "./words.js";

/** @typedef {import("../types.js").State} State */
/** @typedef {import("../types.js").Language} Language */
/** @typedef {{ kind: string, severity: string, words: string, pictures: { ref: string, blob: Blob }[] }} Draft */

const SEVERITIES = ["3", "2", "1"];
/** @type {Draft} */
const EMPTY = { kind: "", severity: "3", words: "", pictures: [] };
/** What is being written; it stays while another tab is looked at. */
const draft = signal(EMPTY);

/** @param {{ state: State }} props */
export function Report({ state }) {
  const { language, account } = state;
  const [kept, setKept] = useState("");
  const [fault, setFault] = useState(/** @type {unknown} */ (null));
  const { kind, severity, words, pictures } = draft.value;
  const change = (/** @type {Partial<Draft>} */ part) => {
    setKept("");
    draft.value = { ...draft.value, ...part };
  };
  const send = async () => {
    if (!account || !place.value || !kind) return;
    const body = bodyOf(draft.value, place.value);
    try {
      await keep(account.id, body, pictures);
      draft.value = EMPTY;
      setKept(body.id);
      setFault(null);
    } catch (error) {
      setFault(error); // the browser keeps nothing: nobody may believe that it was reported
    }
  };
  return html`<div class="report">
    <${Here} language=${language} />
    <fieldset class="kinds"><legend>${t(language, "phone.report.kind")}</legend>
      ${classes.value.map((one) => html`<button key=${one.code} type="button" class="kind" aria-pressed=${one.code === kind} data-class=${one.code}
        onClick=${() => change({ kind: one.code })}><${ClassIcon} code=${one.code} />${titleOf(language, one, "label")}</button>`)}
      ${!classes.value.length && html`<p class="soft">${t(language, "phone.report.nokinds")}</p>`}
    </fieldset>
    <button class="primary send" disabled=${!kind || !place.value} onClick=${send}>${t(language, "phone.report.send")}</button>
    ${kept && html`<p class="kept" role="status">${t(language, `phone.report.kept.${stateOf(kept)}`)}</p>`}
    ${fault !== null && html`<p class="wrong" role="alert">${t(language, "phone.report.notkept", { detail: formatError(language, fault) })}</p>`}
    <fieldset class="severities"><legend>${t(language, "phone.report.severity")}</legend>
      ${SEVERITIES.map((code) => html`<button key=${code} type="button" aria-pressed=${code === severity} onClick=${() => change({ severity: code })}>
        ${t(language, `phone.event_severity.${code}`)}</button>`)}
    </fieldset>
    <label>${t(language, "phone.report.words")}
      <textarea rows="3" maxlength="2000" value=${words} onInput=${(/** @type {any} */ event) => change({ words: event.currentTarget.value })} /></label>
    <${Pictures} language=${language} pictures=${pictures} onChange=${(/** @type {any} */ next) => change({ pictures: next })} />
    <${Outbox} language=${language} />
  </div>`;
}

/** What has become of a report. @param {string} id */
const stateOf = (id) => outbox.value.find((one) => one.id === id)?.state ?? "waiting";

/**
 * @param {Draft} written
 * @param {import("../state/place.js").PhonePlace} at
 */
const bodyOf = ({ kind, severity, words, pictures }, { lon, lat, crs, accuracy_m }) => ({
  id: newId(),
  lon,
  lat,
  crs,
  class: kind,
  severity,
  words,
  photos: pictures.map(({ ref }) => ref),
  seen_at: new Date().toISOString(),
  accuracy_m,
});

/** Where the report will be. @param {{ language: Language }} props */
export function Here({ language }) {
  const now = place.value;
  const grid = located.value?.grid ?? located.value?.community;
  const again = html`<button class="plain" onClick=${relocate}>${t(language, "phone.place.again")}</button>`;
  if (!now) return html`<p class="here stale" role="status">${t(language, placeFault.value || "phone.place.waiting")}${again}</p>`;
  return html`<p class="here" role="status"><strong>${grid?.name ?? grid?.code ?? t(language, "phone.place.unnamed")}</strong>
    <small>${t(language, "phone.place.told", { accuracy: now.accuracy_m, age: age(language, now.at) })}</small>
    ${again}</p>`;
}
