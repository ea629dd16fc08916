// The warnings in force that a reader may see, read once and again when events changed, and drawn on the map.

import { useEffect, useState } from "../../vendor/preact.mjs";
import { fetchPage } from "../api.js";
import { drawWarned } from "../draw/warned.js";
import { at } from "../state/time.js";
import { warned } from "../state/warned.js";
import { layerOf } from "../store.js";

/** @typedef {import("../types.js").State} State */
/** @typedef {import("../types.js").Feature} Feature */

export const LAYER = "events";
const IN_FORCE = "source = 'weather_warning' AND stage NOT IN ('merged', 'voided', 'closed')";
const PAGE = `ogc/collections/${LAYER}/items?${new URLSearchParams({ f: "json", limit: "3", skipGeometry: "true", sortby: "-occurred_at", filter: IN_FORCE })}`;

/**
 * The warnings in force, the newest first; those that were read stay while the server is away.
 * @param {State} state
 * @returns {Feature[]}
 */
export function useWarnings(state) {
  const [warnings, setWarnings] = useState(/** @type {Feature[]} */ ([]));
  const layer = layerOf(state, LAYER);
  const known = layer !== undefined && state.reader === (state.account?.id ?? ""); // else the map is still that of who was here before
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
  }, [known, `${layer?.version}/${state.changes[LAYER] ?? 0}/${state.reader}`, at.value]);
  return warnings;
}

/**
 * Draw the areas of warnings on a map.
 * @param {import("maplibre-gl").Map | null} map
 * @param {State} state
 * @param {readonly Feature[]} warnings
 */
export function useWarnedAreas(map, state, warnings) {
  useEffect(() => {
    if (!map) return undefined;
    const areas = warnings.filter(({ properties }) => properties["area"]);
    warned.value = areas.map(({ id, properties: { area, severity } }) => ({ id, area, severity, color: colorOfWarning(state, severity) }));
    return drawWarned(map, warned.value);
  }, [map, warnings, state.map]);
}

/** @param {State} state @param {unknown} severity */
export function colorOfWarning(state, severity) {
  const level = (state.map?.codes["event_severity"] ?? []).find((one) => one.code === severity);
  return level?.color ?? layerOf(state, LAYER)?.color ?? "#ff4d4d";
}
