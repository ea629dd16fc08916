// The desk: the whole map, layers on the left, what was clicked, and a drawer below with lists, counts and time.

import { html, useEffect, useState } from "../../vendor/preact.mjs";
import { loginPath } from "../account.js";
import { writeHash } from "../hash.js";
import { t } from "../i18n.js";
import { FeaturePanel } from "../panels/feature.js";
import { Header } from "../panels/header.js";
import { Icon } from "../panels/icons.js";
import { Layers } from "../panels/layers.js";
import { Legend } from "../panels/legend.js";
import { ListView } from "../panels/list.js";
import { MapView } from "../panels/mapview.js";
import { DrawingTools } from "../measure/tools.js";
import { PrintedSheet } from "../print/sheet.js";
import { Notice } from "../panels/notice.js";
import { Warnings } from "../panels/warnings.js";
import { isPhone } from "../screen.js";
import { linkedOptions } from "../state/link.js";
import { Drawer } from "./drawer.js";

/** @typedef {import("../store.js").Store} Store */
/** @typedef {import("../types.js").State} State */
/** @typedef {import("../types.js").View} View */
/** @typedef {import("../types.js").Feature} Feature */

/** @param {{ store: Store, state: State, refresh: () => Promise<void>, logOut: () => void }} props */
export default function Desk({ store, state, refresh, logOut }) {
  const [view, setView] = useState(/** @type {View | null} */ (null));
  const [feature, setFeature] = useState(/** @type {Feature | null} */ (null));
  const selected = state.mode === "map" ? state.hits[state.chosen] : undefined;
  const linked = linkedOptions();
  useEffect(() => {
    if (view) history.replaceState(null, "", writeHash(view, selected, state) + linked);
  }, [view, linked, selected, state.topic, state.toggled, state.opacities, state.order, state.theme, state.mode, state.listed, state.relief, state.tab, state.face]);
  const marked = selected && feature?.id === selected.id ? (feature.properties["area"] ?? feature.geometry) : null;
  return html`<div class=${`page ${state.mode}`}>
    <${Header} store=${store} state=${state} refresh=${refresh} logOut=${logOut} />
    <${Warnings} store=${store} state=${state} />
    <${Notice} state=${state} refresh=${refresh} />
    <${Farewell} store=${store} state=${state} />
    ${state.map && state.mode === "list" && html`<${ListView} store=${store} state=${state} />`}
    ${state.map && state.style && state.webgl && html`<main class="stage" hidden=${state.mode === "list"}>
      <${MapView} key=${state.language} store=${store} state=${state} marked=${marked} onMove=${setView} onUnauthorized=${refresh} />
      <${DrawingTools} store=${store} state=${state} />
      <${PrintedSheet} store=${store} />
      <${Side} store=${store} state=${state} view=${view} onFeature=${setFeature} />
      <${Legend} state=${state} />
      <${Status} state=${state} view=${view} />
    </main>
    <${Drawer} store=${store} state=${state} />`}
  </div>`;
}

/** @param {{ store: Store, state: State, view: View | null, onFeature: (feature: Feature | null) => void }} props */
function Side({ store, state, view, onFeature }) {
  const { language, sheet } = state;
  const clicked = state.hits.length > 0 && state.mode === "map";
  const half = sheet === "half" || (clicked && isPhone());
  return html`<div class=${`side ${half ? "half" : "peek"}`}>
    <div class=${`card panel ${clicked ? "behind" : ""}`}>
      <button class="handle" aria-expanded=${half} 
        aria-label=${`${t(language, "layers.title")} ${t(language, "layers.count", { n: state.map?.layers.length ?? 0 })} ${t(language, half ? "panel.collapse" : "panel.expand")}`}
        onClick=${() => store.set({ sheet: half ? "peek" : "half" })}>
        <${Icon} name="layers" />
        <strong>${t(language, "layers.title")}</strong>
        <small>${t(language, "layers.count", { n: state.map?.layers.length ?? 0 })}</small>
        <${Icon} name="chevron" />
      </button>
      <${Layers} store=${store} state=${state} zoom=${view?.zoom ?? 0} />
    </div>
  </div>
  ${clicked && html`<div class="docked"><${FeaturePanel} store=${store} state=${state} onFeature=${onFeature} /></div>`}`;
}

/** @param {{ state: State, view: View | null }} props */
function Status({ state, view }) {
  if (!view) return null;
  const place = `${view.lon.toFixed(5)}°E  ${view.lat.toFixed(5)}°N`;
  return html`<div class="status">
    <span>${t(state.language, "status.crs")}</span> <span>${place}</span>
    <span>${t(state.language, "status.zoom")} ${view.zoom.toFixed(1)}</span>
  </div>`;
}

/** @param {{ store: Store, state: State }} props */
function Farewell({ store, state: { language, farewell } }) {
  if (!farewell) return null;
  return html`<p class="notice toast farewell" role="alert">
    ${t(language, `account.${farewell}`)} <a href=${loginPath()}>${t(language, "account.again")}</a>
    <button class="plain" aria-label=${t(language, "panel.close")} onClick=${() => store.set({ farewell: "" })}><${Icon} name="close" /></button>
  </p>`;
}
