// What was found about an incident, as tables: the same in the panel and on paper.

import { html } from "../../vendor/preact.mjs";
import { formatError, formatNumber, formatTime, t, titleOf } from "../i18n.js";
import { roughLength } from "../measure/measure.js";
import { layerOf, nameOf } from "../store.js";
import { RINGS_M } from "./read.js";

/** @typedef {import("../types.js").State} State */
/** @typedef {import("../types.js").Language} Language */
/** @typedef {import("../state/findings.js").Findings} Findings */
/** @typedef {import("../state/findings.js").Near} Near */

const LISTED = 12; // of what else is near

/** @param {{ state: State, found: Findings, onRetry?: (part: keyof Findings) => void, onChoose?: (hit: import("../types.js").Hit) => void }} props */
export function Report({ state, found, onRetry, onChoose }) {
  const { language } = state;
  const part = (/** @type {"where" | "rings" | "cameras" | "resources" | "chain" | "patrols"} */ name, /** @type {string} */ title, /** @type {(value: any) => any} */ show) => html`
    <section class="finding" aria-label=${title} aria-busy=${found[name].status === "loading"}>
      <h3>${title}</h3><${PartOf} state=${state} part=${found[name]} show=${show} onRetry=${onRetry && (() => onRetry(name))} />
    </section>`;
  const link = (/** @type {Near} */ one) => html`<${Name} state=${state} one=${one} onChoose=${onChoose} />`;
  return html`<div class="report">
    ${part("where", t(language, "incident.where"), (value) => html`<${Where} state=${state} found=${found} where=${value} />`)}
    ${part("rings", t(language, "incident.rings"), (value) => html`<${Rings} state=${state} rings=${value} link=${link} />`)}
    ${part("cameras", t(language, "incident.cameras"), (value) => html`<${Cameras} state=${state} answer=${value} link=${link} />`)}
    ${part("resources", t(language, "incident.resources"), (value) => html`<${Resources} state=${state} answer=${value} link=${link} />`)}
    ${part("chain", t(language, "incident.chain"), (value) => html`<${People} state=${state} answer=${value} />`)}
    ${part("patrols", t(language, "incident.patrols"), (value) => html`<${Patrols} state=${state} answer=${value} link=${link} />`)}
    ${found.plot.length > 0 && html`<section class="finding" aria-label=${t(language, "incident.plot")}><h3>${t(language, "incident.plot")}</h3>
      <ul>${found.plot.map(({ properties, geometry }, at) => html`<li key=${at}>${t(language, `geometry.${geometry.type}`)} ${properties.label}</li>`)}</ul></section>`}
  </div>`;
}

/** @param {{ state: State, part: any, show: (value: any) => any, onRetry?: () => void }} props */
function PartOf({ state: { language }, part, show, onRetry }) {
  if (part.status === "loading") return html`<p class="soft"><span class="spinner" />${t(language, "panel.loading")}</p>`;
  if (part.status === "ready") return show(part.value);
  const status = /** @type {{ status?: number }} */ (part.error).status;
  const refused = status === 403 || status === 404 || status === 401;
  return html`<p class=${refused ? "soft" : "wrong"} role=${refused ? undefined : "alert"}>
    ${refused ? t(language, "incident.unseen") : formatError(language, part.error)}
    ${!refused && onRetry && html`<button class="plain" onClick=${onRetry}>${t(language, "state.retry")}</button>`}</p>`;
}

/** @param {{ state: State, one: any, onChoose?: (hit: import("../types.js").Hit) => void }} props */
function Name({ state, one, onChoose }) {
  const name = String(nameOf(layerOf(state, one.properties.layer), one) ?? one.id);
  return onChoose ? html`<button class="link" onClick=${() => onChoose({ layer: one.properties.layer, id: String(one.id) })}>${name}</button>` : name;
}

/** @param {{ state: State, found: Findings, where: any }} props */
function Where({ state: { language }, found, where }) {
  const areas = [where.district, where.street, where.community, where.grid].flatMap((area) => (area ? [area.name ?? area.code] : []));
  return html`<p>${areas.join(" › ") || t(language, "incident.nowhere")}</p>
    <p class="soft">${found.lon.toFixed(5)}°E ${found.lat.toFixed(5)}°N · ${t(language, "incident.since", { time: formatTime(language, found.since) })}</p>`;
}

/** @param {{ state: State, rings: { rows: import("../state/findings.js").RingRow[], features: Near[] }, link: (one: Near) => any }} props */
function Rings({ state, rings, link }) {
  const { language } = state;
  if (!rings.rows.length) return html`<p class="soft">${t(language, "incident.nothing")}</p>`;
  const title = (/** @type {string} */ id) => {
    const layer = layerOf(state, id);
    return layer ? titleOf(language, layer) : id;
  };
  const count = (/** @type {number | null} */ number) => (number === null ? "500+" : formatNumber(language, number));
  return html`<table class="rings"><thead><tr><th>${t(language, "layers.title")}</th>${RINGS_M.map((m) => html`<th class="number">${m} m</th>`)}</tr></thead>
    <tbody>${rings.rows.map(({ layer, counts }) => html`<tr key=${layer}><td>${title(layer)}</td>${counts.map((n) => html`<td class="number">${count(n)}</td>`)}</tr>`)}</tbody></table>
    <details open><summary>${t(language, "incident.nearest", { n: Math.min(LISTED, rings.features.length) })}</summary>
      <table><tbody>${rings.features.slice(0, LISTED).map((one) => html`<tr key=${`${one.properties.layer}/${one.id}`}>
        <td>${link(one)}</td><td class="soft">${title(one.properties.layer)}</td><td class="number">${roughLength(language, one.properties["distance_m"])}</td></tr>`)}</tbody></table>
    </details>`;
}

/** @param {{ state: State, answer: any, link: (one: Near) => any }} props */
function Cameras({ state: { language }, answer, link }) {
  const told = answer.features.filter((/** @type {any} */ one) => one.properties.visible === true || one.properties.can_turn_to);
  if (!told.length) return html`<p class="soft">${t(language, "incident.nocamera", { n: answer.features.length, m: answer.max_m })}</p>`;
  const state = (/** @type {any} */ { visible }) => t(language, visible === true ? "incident.sees" : "incident.turns");
  return html`<table><tbody>${told.slice(0, LISTED).map((/** @type {any} */ one) => html`<tr key=${one.id}>
    <td>${link(one)}</td><td>${state(one.properties)}</td><td class="number">${roughLength(language, one.properties.distance_m)}</td></tr>`)}</tbody></table>`;
}

/** @param {{ state: State, answer: any, link: (one: Near) => any }} props */
function Resources({ state, answer, link }) {
  const { language } = state;
  if (!answer.features.length) return html`<p class="soft">${t(language, "incident.nothing")}</p>`;
  const way = (/** @type {any} */ one) => {
    if (one.reachable === false) return t(language, "incident.unreachable");
    if (one.duration_s === null) return t(language, "incident.straight", { length: roughLength(language, one.distance_m) });
    return roughLength(language, one.road_distance_m);
  };
  const minutes = (/** @type {any} */ one) => (one.duration_s === null ? "–" : t(language, "incident.minutes", { n: (one.duration_s / 60).toFixed(1) }));
  return html`<table><tbody>${answer.features.map((/** @type {any} */ one, /** @type {number} */ at) => html`<tr key=${one.id}>
    <td class="number">${at + 1}</td><td>${link(one)}</td><td class="number">${minutes(one.properties)}</td><td class="number">${way(one.properties)}</td></tr>`)}</tbody></table>
    ${answer.closures.length > 0 && html`<p class="soft">${t(language, "incident.closures", { n: answer.closures.length })}</p>`}`;
}

/** @param {{ state: State, answer: any }} props */
function People({ state: { language }, answer }) {
  const people = answer.chain.flatMap((/** @type {any} */ rung) => rung.responsible.map((/** @type {any} */ one) => ({ ...one, level: rung.level })));
  if (!people.length) return html`<p class="soft">${t(language, "incident.nobody")}</p>`;
  const named = (/** @type {any} */ one, /** @type {string | null} */ phone) => [one.person, phone].filter(Boolean).join(" ");
  const onDuty = (/** @type {any} */ one) => one.on_duty.map((/** @type {any} */ shift) => named(shift, shift.duty_phone ?? shift.phone)).filter(Boolean).join("、");
  return html`<table class="people"><tbody>${people.slice(0, LISTED).map((/** @type {any} */ one) => html`<tr key=${`${one.layer}/${one.id}`}>
    <th scope="row">${t(language, `level.${one.level}`)}</th>
    <td>${one.org_name || one.name} ${named(one, one.phone ?? one.duty_phone)}
      ${onDuty(one) && html`<div class="soft">${t(language, "incident.onduty", { who: onDuty(one) })}</div>`}</td></tr>`)}</tbody></table>`;
}

/** @param {{ state: State, answer: any, link: (one: Near) => any }} props */
function Patrols({ state: { language }, answer, link }) {
  if (!answer.features.length) return html`<p class="soft">${t(language, "incident.nobody")}</p>`;
  const row = (/** @type {any} */ one) => ({ ...one, properties: { layer: "grid_workers", ...one.properties } });
  return html`<table><tbody>${answer.features.slice(0, LISTED).map((/** @type {any} */ one) => html`<tr key=${one.id}>
    <td>${link(row(one))}</td><td>${one.properties.position_stale ? t(language, "incident.old") : ""}</td>
    <td class="number">${roughLength(language, one.properties.distance_m)}</td></tr>`)}</tbody></table>`;
}
