// The tools over the map: measure, look into a place, take a picture, print; and, while somebody draws, how it ends.

import { html, useEffect } from "../../vendor/preact.mjs";
import { followOverlays } from "../draw/overlays.js";
import { sketch, sketching } from "../draw/sketch.js";
import { t } from "../i18n.js";
import { Icon } from "../panels/icons.js";
import { addSheet } from "../sheets.js";
import { incident } from "../state/incident.js";
import { shownMap } from "../state/map.js";
import { Measured, growing, measure } from "./measure.js";
import { raiseGround } from "./terrain.js";
import { followWaters } from "./waters.js";

/** @typedef {import("../store.js").Store} Store */
/** @typedef {import("../types.js").State} State */

addSheet("css/tools.css");

/** @param {{ store: Store, state: State }} props */
export function DrawingTools({ store, state }) {
  const { language } = state;
  const map = shownMap.value;
  useEffect(() => followOverlays(), []);
  useEffect(() => {
    if (map) void raiseGround(map, state.relief).catch((error) => console.warn(error)); // the map stays as it is
  }, [map, state.relief, state.reader]);
  useEffect(() => (map && state.relief ? followWaters(map, store) : undefined), [map, state.relief, state.reader]);
  const kind = sketching.value?.kind;
  const button = (/** @type {string} */ name, /** @type {string} */ icon, /** @type {() => void} */ act, pressed = false) => html`
    <button class="tool" title=${name} aria-label=${name} aria-pressed=${pressed} disabled=${!shownMap.value} onClick=${act}><${Icon} name=${icon} /></button>`;
  const lookInto = async () => {
    const map = shownMap.peek();
    const place = map && (await sketch(map, "point"));
    if (!place) return;
    const [lon, lat] = place.coordinates;
    incident.value = { lon, lat };
    store.set({ tab: "incident" });
  };
  const picture = async () => (await import("../print/picture.js")).savePicture(store.get());
  return html`<div class="tools drawing" role="toolbar" aria-label=${t(language, "tools.label")}>
      ${button(t(language, "tools.distance"), "ruler", () => void measure("line"), kind === "line")}
      ${button(t(language, "tools.surface"), "surface", () => void measure("polygon"), kind === "polygon")}
      ${button(t(language, "tools.incident"), "target", () => void lookInto(), kind === "point")}
      ${button(t(language, "tools.picture"), "camera", () => void picture())}
      ${button(t(language, "tools.print"), "printer", () => window.print())}
    </div>
    <${Hint} state=${state} />
    <${Measured} state=${state} />`;
}

/** @param {{ state: State }} props */
function Hint({ state: { language } }) {
  const now = sketching.value;
  if (!now) return null;
  const hints = {
    point: t(language, "draw.point"),
    line: t(language, "draw.line"),
    polygon: t(language, "draw.polygon"),
    rectangle: t(language, "draw.rectangle"),
    circle: t(language, "draw.circle"),
  };
  const ends = now.kind === "point" ? t(language, "draw.centre") : now.kind === "line" || now.kind === "polygon" ? t(language, "draw.finish") : "";
  return html`<div class="card hint-bar" role="status">
    <span>${now.ready ? hints[now.kind] : t(language, "panel.loading")}</span>
    <b>${growing(language)}</b>
    ${ends && html`<button class="plain" onClick=${now.finish}>${ends}</button>`}
    <button class="plain" onClick=${now.cancel}>${t(language, "draw.cancel")}</button>
  </div>`;
}
