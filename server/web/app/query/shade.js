// The counted layer as colours on the map: of the areas below by their number, or as heat.

import { html, useEffect, useState } from "../../vendor/preact.mjs";
import { t } from "../i18n.js";
import { heatOf, warm } from "../map/heat.js";
import { shadeAreas } from "../map/shade.js";
import { shownMap } from "../state/map.js";
import { shaded, shading } from "../state/shading.js";
import { faultText } from "./faults.js";
import { readByArea } from "./read.js";

/** @typedef {import("../types.js").State} State */
/** @typedef {import("../types.js").Layer} Layer */
/** @typedef {import("../state/area.js").Area} Area */
/** @typedef {{ tier: string, layer: string, digits: number }} Tier */

const LONGEST = 6000; // characters of a condition in the address of a tile
const COMMUNITY = { tier: "community", layer: "communities", digits: 12 };
/** @type {Record<string, Tier>} the areas below, by the layer of an area */
const BELOW = {
  districts: { tier: "street", layer: "streets", digits: 9 },
  streets: COMMUNITY,
  communities: { tier: "grid", layer: "grids", digits: 15 },
  grids: { tier: "grid", layer: "grids", digits: 15 },
};
/** @type {readonly { shade: import("../state/shading.js").Shading, title: string }[]} */
const CHOICES = [{ shade: "", title: "shade.none" }, { shade: "areas", title: "shade.areas" }, { shade: "heat", title: "shade.heat" }];

/** @param {{ state: State, layer: Layer, asked: Area, filter: string, version: string, count: number }} props */
export function Shade({ state, layer, asked, filter, version, count }) {
  const { language, style } = state;
  const map = shownMap.value;
  const [counts, setCounts] = useState(/** @type {Map<string, number> | null} */ (null));
  const [fault, setFault] = useState(/** @type {unknown} */ (null));
  const canHeat = /Point/.test(layer.geometry_type) && filter.length < LONGEST;
  const wanted = shading.value === "heat" && !canHeat ? "" : shading.value;
  const below = ("code" in asked && BELOW[asked.layer]) || COMMUNITY;
  useEffect(() => {
    let current = true;
    setFault(null);
    if (wanted !== "areas") setCounts(null);
    else readByArea(layer.id, filter, below.tier).then((read) => current && setCounts(read), (error) => current && setFault(error));
    return () => {
      current = false;
    };
  }, [wanted, filter, version]);
  useEffect(() => {
    if (!map) return;
    warm(map, wanted === "heat" ? { layer: layer.id, filter, count } : null, style);
    const ends = shadeAreas(map, wanted === "areas" && counts ? { ...below, counts } : null, style);
    const told = wanted === "heat" || ends.length;
    shaded.value = told ? { layer: layer.id, ends: wanted === "heat" ? null : ends } : null;
  }, [map, wanted, counts, filter, version, count, heatOf(style).join()]);
  useEffect(() => () => {
    const last = shownMap.peek();
    shaded.value = null;
    if (last) warm(last, null, null);
    if (last) shadeAreas(last, null, null);
  }, []);
  return html`<span class="shade" role="group" aria-label=${t(language, "shade.label")}>
    ${CHOICES.map(({ shade, title }) => html`<button key=${title} class="small" aria-pressed=${wanted === shade} disabled=${!map || (shade === "heat" && !canHeat)}
      onClick=${() => (shading.value = shade)}>${t(language, title)}</button>`)}
    ${fault !== null && html`<span class="wrong" role="alert">${faultText(language, fault)}</span>`}
  </span>`;
}
