// Warnings in force, above the map: what everybody must know before anything else.

import { html } from "../../vendor/preact.mjs";
import { formatTime, t, titleOf } from "../i18n.js";
import { shownMap } from "../state/map.js";
import { Icon } from "./icons.js";
import { LAYER, colorOfWarning, useWarnedAreas, useWarnings } from "./inforce.js";

/** @typedef {import("../store.js").Store} Store */
/** @typedef {import("../types.js").State} State */

/** @param {{ store: Store, state: State }} props */
export function Warnings({ store, state }) {
  const { language, map } = state;
  const warnings = useWarnings(state);
  useWarnedAreas(shownMap.value, state, warnings);
  if (!warnings.length) return null;
  const severities = map?.codes["event_severity"] ?? [];
  return html`<ul class="warnings" aria-label=${t(language, "warnings.title")}>
    ${warnings.map(({ id, properties }) => {
      const level = severities.find((one) => one.code === properties["severity"]);
      return html`<li key=${id}>
        <button style=${{ "--color": colorOfWarning(state, properties["severity"]) }} onClick=${() => store.set({ hits: [{ layer: LAYER, id }], chosen: 0, framing: true, mode: "map" })}>
          <${Icon} name="warning" />
          ${level && html`<b>${titleOf(language, level, "label")}</b>`}
          <span>${properties["title"] ?? id}</span>
          ${properties["occurred_at"] && html`<small>${formatTime(language, properties["occurred_at"])}</small>`}
        </button>
      </li>`;
    })}
  </ul>`;
}
