// Warnings in force, above the map: what everybody must know before anything else.

import { html, useEffect, useState } from "../../vendor/preact.mjs";
import { fetchPage } from "../api.js";
import { formatTime, t, titleOf } from "../i18n.js";
import { layerOf } from "../store.js";
import { Icon } from "./icons.js";

/** @typedef {import("../store.js").Store} Store */
/** @typedef {import("../types.js").State} State */
/** @typedef {import("../types.js").Feature} Feature */

const LAYER = "events";
const IN_FORCE = "source = 'weather_warning' AND stage NOT IN ('merged', 'voided', 'closed')";
const PAGE = `ogc/collections/${LAYER}/items?${new URLSearchParams({ f: "json", limit: "3", skipGeometry: "true", sortby: "-occurred_at", filter: IN_FORCE })}`;

/** @param {{ store: Store, state: State }} props */
export function Warnings({ store, state }) {
  const { language, map } = state;
  const layer = layerOf(state, LAYER);
  const isOurs = state.reader === (state.account?.id ?? ""); // else the map is still that of who was here before
  const warnings = useWarnings(layer !== undefined && isOurs, `${layer?.version}/${state.changes[LAYER] ?? 0}/${state.reader}`);
  if (!warnings.length) return null;
  const severities = map?.codes["event_severity"] ?? [];
  return html`<ul class="warnings" aria-label=${t(language, "warnings.title")}>
    ${warnings.map(({ id, properties }) => {
      const level = severities.find((one) => one.code === properties["severity"]);
      return html`<li key=${id}>
        <button style=${{ "--color": level?.color ?? layer?.color }} onClick=${() => store.set({ hits: [{ layer: LAYER, id }], chosen: 0, framing: true, mode: "map" })}>
          <${Icon} name="warning" />
          ${level && html`<b>${titleOf(language, level, "label")}</b>`}
          <span>${properties["title"] ?? id}</span>
          ${properties["occurred_at"] && html`<small>${formatTime(language, properties["occurred_at"])}</small>`}
        </button>
      </li>`;
    })}
  </ul>`;
}

/**
 * The warnings in force that the reader may see, the newest first; those that were read stay while the server is away.
 * @param {boolean} known  whether the reader has the layer at all
 * @param {string} state  changes with what the answer depends on
 */
function useWarnings(known, state) {
  const [warnings, setWarnings] = useState(/** @type {Feature[]} */ ([]));
  useEffect(() => {
    let mounted = true;
    if (!known) setWarnings([]);
    else {
      fetchPage(PAGE).then(
        (page) => mounted && setWarnings(page.features),
        () => {}, // the page says itself that the server is away; a reader who may not ask has none
      );
    }
    return () => {
      mounted = false;
    };
  }, [known, state]);
  return warnings;
}
