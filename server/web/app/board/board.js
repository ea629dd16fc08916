// The board: the state of the district on a wall. Numbers come from `/twin/overview` alone; nothing scrolls.

import { html, useEffect, useState } from "../../vendor/preact.mjs";
import { readHash, writeHash } from "../hash.js";
import { formatError, t } from "../i18n.js";
import { Notice } from "../panels/notice.js";
import { linkedOptions } from "../state/link.js";
import { askOverview, followOverview, isOutdated, overview, showArea } from "../state/overview.js";
import { USUAL_THEME } from "../theme.js";
import { topicOf } from "../topics.js";
import { BoardMap } from "./boardmap.js";
import { Kpis } from "./cards.js";
import { Cards } from "./columns.js";
import { Strip } from "./strip.js";
import { useTour } from "./tour.js";

/** @typedef {import("../store.js").Store} Store */
/** @typedef {import("../types.js").State} State */

const STYLE = new URL("../../css/board.css", import.meta.url).href;

/** @param {{ store: Store, state: State, refresh: () => Promise<void>, logOut: () => void }} props */
export default function Board({ store, state, refresh }) {
  const [touring, setTouring] = useTour();
  const [styled, setStyled] = useState(false); // the map takes the size of its labels from the style sheet
  useEffect(() => {
    if (state.theme !== USUAL_THEME) store.set({ theme: USUAL_THEME }); // a wall is dark
  }, [state.theme]);
  useEffect(followOverview, []);
  useEffect(() => {
    const own = state.account?.areas.find((code) => [9, 12, 15].includes(code.length));
    if (own) showArea(own);
    void askOverview(); // rights have changed
  }, [state.account?.id]);
  const { told, error } = overview.value;
  const { language } = state;
  const topic = topicOf(state);
  const outdated = told !== null && isOutdated(told);
  const linked = linkedOptions();
  useEffect(() => history.replaceState(null, "", writeHash(readHash(location.hash).view, undefined, state) + linked), [linked, state.face, state.topic, state.theme]); // the view is the desk's
  return html`<link rel="stylesheet" href=${STYLE} onLoad=${() => setStyled(true)} />
  ${styled && html`<div class=${`board ${error ? "stale" : ""} ${outdated ? "outdated" : ""}`} data-area=${told?.area?.code ?? ""}>
    <${Strip} store=${store} state=${state} refresh=${refresh} touring=${touring} setTouring=${setTouring} />
    ${!told && !error && html`<p class="notice center" role="status"><span class="spinner" />${t(language, "panel.loading")}</p>`}
    ${!told && error && html`<div class="notice center" role="alert"><p>${t(language, "state.error", { detail: formatError(language, error) })}</p>
      <button class="primary" onClick=${() => void askOverview()}>${t(language, "state.retry")}</button></div>`}
    ${told && html`<${Kpis} told=${told} language=${language} topic=${topic} /><${Cards} told=${told} state=${state} store=${store} topic=${topic} />`}
    ${state.map && state.style && state.webgl && html`<${BoardMap} key=${language} state=${state} store=${store} />`}
    ${!state.webgl && html`<p class="board-map notice" role="status">${t(language, "board.no_map")}</p>`}
    <${Notice} state=${state} refresh=${refresh} />
  </div>`}`;
}
