// Where: an own area, any area by name or code, the view, or a shape; drawn, or typed by who uses no pointer.

import { html, useEffect, useState } from "../../vendor/preact.mjs";
import { distance_m } from "../draw/geodesy.js";
import { sketch } from "../draw/sketch.js";
import { formatError, t } from "../i18n.js";
import { area, polygonArea, roundArea, viewedArea } from "../state/area.js";
import { shownMap } from "../state/map.js";
import { findAreas, ownAreas, readTyped } from "./areas.js";

/** @typedef {import("../types.js").State} State */
/** @typedef {import("../state/area.js").CodedArea} CodedArea */

const TYPING_MS = 250;

/** @param {{ state: State }} props */
export function Chooser({ state }) {
  const { language } = state;
  const map = shownMap.value;
  const own = ownAreas(state);
  const draw = async (/** @type {"rectangle" | "circle" | "polygon"} */ kind) => {
    const geometry = map && (await sketch(map, kind));
    if (geometry) area.value = drawnArea(kind, geometry);
  };
  const view = () => (area.value = viewedArea() ?? area.value);
  return html`<section class="chooser" aria-label=${t(language, "query.where")}>
    <h3>${t(language, "query.where")}</h3>
    <${AreaSearch} state=${state} />
    <p class="choices">
      ${own.map((one) => html`<button key=${one.code} class="small" onClick=${() => (area.value = one)}>${own.length > 1 ? `${t(language, "query.mine")} ${one.code.slice(6)}` : t(language, "query.mine")}</button>`)}
      <button class="small" disabled=${!map} onClick=${view}>${t(language, "query.view")}</button>
      <button class="small" disabled=${!map} onClick=${() => void draw("rectangle")}>${t(language, "query.rectangle")}</button>
      <button class="small" disabled=${!map} onClick=${() => void draw("circle")}>${t(language, "query.circle")}</button>
      <button class="small" disabled=${!map} onClick=${() => void draw("polygon")}>${t(language, "query.polygon")}</button>
    </p>
    <${Typed} language=${language} />
  </section>`;
}

/**
 * @param {"rectangle" | "circle" | "polygon"} kind
 * @param {any} geometry  as it was drawn
 * @returns {import("../state/area.js").Area}
 */
function drawnArea(kind, geometry) {
  const ring = /** @type {[number, number][]} */ (geometry.coordinates[0]);
  const [lons, lats] = [ring.map((place) => place[0]), ring.map((place) => place[1])];
  const box = /** @type {[number, number, number, number]} */ ([Math.min(...lons), Math.min(...lats), Math.max(...lons), Math.max(...lats)]);
  if (kind === "rectangle") return { bbox: box, title: "" };
  if (kind === "polygon") return polygonArea(ring.slice(0, -1));
  const centre = /** @type {[number, number]} */ ([(box[0] + box[2]) / 2, (box[1] + box[3]) / 2]);
  return roundArea([...centre, Math.round(distance_m(centre, [centre[0], box[3]]))]);
}

/** @param {{ state: State }} props */
function AreaSearch({ state }) {
  const { language } = state;
  const [text, setText] = useState("");
  const [found, setFound] = useState(/** @type {CodedArea[] | null} */ (null));
  const [fault, setFault] = useState(/** @type {unknown} */ (null));
  const [at, setAt] = useState(0);
  useEffect(() => {
    let current = true;
    setFault(null);
    if (!text.trim()) setFound(null);
    const timer = setTimeout(() => {
      if (!text.trim()) return;
      findAreas(text, state).then((areas) => current && (setFound(areas), setAt(0)), (error) => current && setFault(error));
    }, TYPING_MS);
    return () => {
      current = false;
      clearTimeout(timer);
    };
  }, [text, state.reader]);
  const choose = (/** @type {CodedArea | undefined} */ one) => {
    if (!one) return;
    area.value = one;
    setText("");
  };
  const onKey = (/** @type {KeyboardEvent} */ event) => {
    if (!found?.length) return;
    if (event.key === "ArrowDown") setAt((at + 1) % found.length);
    else if (event.key === "ArrowUp") setAt((at + found.length - 1) % found.length);
    else if (event.key === "Enter") choose(found[at]);
    else if (event.key === "Escape") setText("");
    else return;
    event.preventDefault();
    event.stopPropagation();
  };
  const layerTitle = (/** @type {CodedArea} */ one) => state.map?.layers.find(({ id }) => id === one.layer)?.[language === "en" ? "title_en" : "title_zh"];
  return html`<div class="combo">
    <input type="search" role="combobox" aria-expanded=${Boolean(found)} aria-controls="query-areas" aria-autocomplete="list"
      aria-activedescendant=${found?.length ? `query-area-${at}` : undefined}
      aria-label=${t(language, "query.search")} placeholder=${t(language, "query.search")} value=${text}
      onInput=${(/** @type {Event} */ event) => setText(/** @type {HTMLInputElement} */ (event.target).value)} onKeyDown=${onKey} />
    ${found && text && html`<ul id="query-areas" role="listbox" class="card" aria-label=${t(language, "query.search")}>
      ${found.map((one, n) => html`<li key=${`${one.layer}/${one.code}`} id=${`query-area-${n}`} role="option" aria-selected=${n === at} onClick=${() => choose(one)}>
        <span>${one.title}</span> <small>${layerTitle(one)} ${one.code}</small></li>`)}
      ${!found.length && html`<li class="soft" role="option" aria-selected="false" aria-disabled="true">${t(language, "query.noarea")}</li>`}
    </ul>`}
    ${fault !== null && html`<p class="wrong" role="alert">${formatError(language, fault)}</p>`}
  </div>`;
}

/** @param {{ language: import("../types.js").Language }} props */
function Typed({ language }) {
  const [text, setText] = useState("");
  const [wrong, setWrong] = useState(false);
  const submit = (/** @type {Event} */ event) => {
    event.preventDefault();
    const typed = readTyped(text);
    setWrong(typed === null);
    if (!typed) return;
    if ("bbox" in typed) area.value = { bbox: typed.bbox, title: "" };
    else area.value = "round" in typed ? roundArea(typed.round) : polygonArea(typed.places);
  };
  return html`<form class="typed" onSubmit=${submit}>
    <label class="field">${t(language, "query.typed")}
      <input value=${text} placeholder="113.33,23.13 500" onInput=${(/** @type {Event} */ event) => setText(/** @type {HTMLInputElement} */ (event.target).value)} /></label>
    <button class="small" type="submit">${t(language, "query.go")}</button>
    ${wrong && html`<p class="wrong" role="alert">${t(language, "query.typed.wrong")}</p>`}
  </form>`;
}
