// The filters over the list of events.

import { html } from "../../vendor/preact.mjs";
import { t, titleOf } from "../i18n.js";
import { topicOf } from "../topics.js";
import { ANY, eventClass, filterOfTheme, inArea, isNarrowed, mine, overdue, severity, source, stage, widen } from "./filters.js";
import { streets } from "./places.js";

/** @typedef {import("../types.js").State} State */
/** @typedef {import("../../vendor/signals.mjs").Signal<string>} TextSignal */
/** @typedef {import("../../vendor/signals.mjs").Signal<boolean>} FlagSignal */
/** @typedef {{ code: string, label: string }} Choice */

/** @param {{ state: State, children?: any }} props */
export function Toolbar({ state, children }) {
  const { language } = state;
  const choices = (/** @type {string} */ list, /** @type {(code: string) => boolean} */ allowed = () => true) =>
    (state.map?.codes[list] ?? []).filter(({ code }) => allowed(code)).map((one) => ({ code: one.code, label: titleOf(language, one, "label") }));
  const stages = [{ code: ANY, label: t(language, "events.stage.any") }, ...choices("event_stage")];
  const places = streets.value.map(({ code, name }) => ({ code, label: name }));
  return html`<div class="events-bar" role="toolbar" aria-label=${t(language, "events.filters")}>
    <${Select} state=${state} name="source" value=${source} choices=${choices("event_source")} />
    <${Select} state=${state} name="class" value=${eventClass} choices=${choices("event_class")} />
    <${Select} state=${state} name="severity" value=${severity} choices=${choices("event_severity")} />
    <${Select} state=${state} name="stage" value=${stage} choices=${stages} />
    <${Select} state=${state} name="area" value=${inArea} choices=${places} />
    <${Flag} state=${state} name="overdue" value=${overdue} />
    ${state.account && html`<${Flag} state=${state} name="mine" value=${mine} />`}
    ${filterOfTheme(state) && html`<span class="of-theme" title=${t(language, "events.theme.why")}>${t(language, "events.theme", { theme: titleOf(language, topicOf(state) ?? {}) })}</span>`}
    ${isNarrowed() && html`<button class="plain" onClick=${widen}>${t(language, "events.widen")}</button>`}
    ${children}
  </div>`;
}

/** @param {{ state: State, name: string, value: TextSignal, choices: Choice[] }} props */
function Select({ state: { language }, name, value, choices }) {
  if (!choices.length) return null;
  const label = t(language, `events.filter.${name}`);
  return html`<select aria-label=${label} title=${label} class=${value.value ? "set" : ""}
    onChange=${(/** @type {Event} */ event) => (value.value = /** @type {HTMLSelectElement} */ (event.currentTarget).value)}>
    <option value="" selected=${!value.value}>${t(language, `events.all.${name}`)}</option>
    ${choices.map(({ code, label: words }) => html`<option value=${code} key=${code} selected=${code === value.value}>${words}</option>`)}
  </select>`;
}

/** @param {{ state: State, name: string, value: FlagSignal }} props */
function Flag({ state: { language }, name, value }) {
  return html`<button class="flag" aria-pressed=${value.value} title=${t(language, `events.filter.${name}.why`)} onClick=${() => (value.value = !value.value)}>
    ${t(language, `events.filter.${name}`)}
  </button>`;
}
