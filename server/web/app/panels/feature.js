// The clicked features, docked on the right: a tab for each, and of the chosen one who it is, how it is now, what it has to
// do with others, and its fields.

import { html, useEffect, useState } from "../../vendor/preact.mjs";
import { featurePath } from "../api.js";
import { LAYER as EVENTS } from "../events/filters.js";
import { EventNotes } from "../events/notes.js";
import { Age } from "../feature/age.js";
import { Fields } from "../feature/fields.js";
import { LiveValues, STATES, isStale, newestTime } from "../feature/live-values.js";
import { readFeature, readTrack, useRead } from "../feature/read.js";
import { Relations } from "../feature/related.js";
import { formatError, t, titleOf } from "../i18n.js";
import { layerOf, nameOf } from "../store.js";
import { incident } from "../state/incident.js";
import { Icon } from "./icons.js";

/** @typedef {import("../store.js").Store} Store */
/** @typedef {import("../types.js").State} State */
/** @typedef {import("../types.js").Feature} Feature */
/** @typedef {import("../types.js").Layer} Layer */
/** @typedef {import("../types.js").Hit} Hit */

/** @param {{ store: Store, state: State, onFeature: (feature: Feature | null) => void }} props */
export function FeaturePanel({ store, state, onFeature }) {
  const { language, hits, chosen } = state;
  const close = () => store.set({ hits: [], chosen: 0, track: null });
  useEffect(() => {
    const onKey = (/** @type {KeyboardEvent} */ event) => event.key === "Escape" && close();
    addEventListener("keydown", onKey);
    return () => removeEventListener("keydown", onKey);
  }, []);
  const hit = /** @type {Hit} */ (hits[chosen] ?? hits[0]);
  return html`<aside class="card feature" aria-label=${t(language, "panel.hits", { n: hits.length })}>
    <div class="head">
      <${Tabs} store=${store} state=${state} />
      <button class="tool" aria-label=${t(language, "panel.close")} onClick=${close}><${Icon} name="close" /></button>
    </div>
    <${HitCard} key=${`${hit.layer}/${hit.id}`} store=${store} state=${state} hit=${hit} onFeature=${onFeature} />
  </aside>`;
}

/**
 * One of several features at the place; the arrow keys go from one to the next.
 * @param {{ store: Store, state: State }} props
 */
function Tabs({ store, state }) {
  const { language, hits, chosen } = state;
  if (hits.length === 1) return html`<span>${titleOf(language, layerOf(state, hits[0]?.layer ?? "") ?? {})}</span>`;
  const step = (/** @type {KeyboardEvent} */ event) => {
    const by = event.key === "ArrowRight" ? 1 : event.key === "ArrowLeft" ? -1 : 0;
    if (!by) return;
    event.preventDefault();
    const next = (chosen + by + hits.length) % hits.length;
    store.set({ chosen: next });
    /** @type {HTMLElement | undefined} */ (/** @type {HTMLElement} */ (event.currentTarget).children[next])?.focus();
  };
  return html`<div class="tabs" role="tablist" aria-label=${t(language, "panel.hits", { n: hits.length })} onKeyDown=${step}>
    ${hits.map((hit, at) => {
      const layer = layerOf(state, hit.layer);
      const same = hits.slice(0, at + 1).filter((one) => one.layer === hit.layer).length;
      const several = hits.filter((one) => one.layer === hit.layer).length > 1;
      return html`<button key=${`${hit.layer}/${hit.id}`} role="tab" aria-selected=${at === chosen} tabindex=${at === chosen ? 0 : -1} title=${hit.id}
        onClick=${() => store.set({ chosen: at })}><span class="dot" style=${{ "--color": layer?.color }} aria-hidden="true" />${titleOf(language, layer ?? { id: hit.layer })}${several ? ` ${same}` : ""}</button>`;
    })}
  </div>`;
}

/** @param {{ store: Store, state: State, hit: Hit, onFeature: (feature: Feature | null) => void }} props */
function HitCard({ store, state, hit, onFeature }) {
  const { language } = state;
  const layer = layerOf(state, hit.layer);
  const { value: feature, error, again } = useRead(() => readFeature(hit), [hit.layer, hit.id, state.account?.id ?? "", state.changes[hit.layer] ?? 0]);
  useEffect(() => {
    if (feature) onFeature(feature);
  }, [feature]);
  const name = nameOf(layer, feature) ?? hit.id;
  return html`<article class="hit open">
    <header class="who">
      <h2>${String(name)}</h2>
      ${feature && html`<p class="states"><${States} state=${state} layer=${layer} feature=${feature} /></p>`}
      <${Actions} store=${store} state=${state} hit=${hit} layer=${layer} feature=${feature} />
    </header>
    ${error
      ? html`<p class="wrong" role="alert">${t(language, "panel.missing", { detail: formatError(language, error) })} <button class="plain" onClick=${again}>${t(language, "state.retry")}</button></p>`
      : !feature && html`<p class="soft" aria-busy="true">${t(language, "panel.loading")}</p>`}
    ${feature && html`<div class="details">
      ${layer && html`<${LiveValues} state=${state} layer=${layer} feature=${feature} hit=${hit} />`}
      ${hit.layer === EVENTS && state.tab !== "events" && html`<${EventNotes} state=${state} id=${hit.id} />`}
      <${Relations} store=${store} state=${state} hit=${hit} />
      <${Fields} state=${state} layer=${layer} feature=${feature} />
      <div class="foot">
        <${CopyId} state=${state} id=${hit.id} />
        <a href=${`${featurePath(hit.layer, hit.id)}&lang=${language}`} target="_blank" rel="noopener">${t(language, "panel.open")} ↗</a>
      </div>
    </div>`}
  </article>`;
}

/**
 * How it is, in the colours of the map, and how old that is.
 * @param {{ state: State, layer: Layer | undefined, feature: Feature }} props
 */
function States({ state, layer, feature }) {
  const { language, map } = state;
  const time = newestTime(layer, feature);
  const told = STATES.flatMap((name) => {
    const field = layer?.fields.find((one) => one.name === name);
    const code = field?.codes && map?.codes[field.codes]?.find((one) => one.code === String(feature.properties[name]));
    return code ? [html`<span class="chip" key=${name} style=${{ "--color": code.color ?? "var(--soft)" }}>${titleOf(language, code, "label")}</span>`] : [];
  });
  return html`${feature.properties["overdue"] === true && html`<span class="chip overdue">${t(language, "panel.overdue")}</span>`}${told}
    ${time && html`<span class=${isStale(layer, feature) ? "is-stale" : "soft"}><${Age} language=${language} time=${time} /></span>`}`;
}

/** @param {{ store: Store, state: State, hit: Hit, layer: Layer | undefined, feature: Feature | null }} props */
function Actions({ store, state, hit, layer, feature }) {
  const { language } = state;
  const [told, setTold] = useState("");
  const moves = layer?.fields.some(({ live }) => live?.source === "position");
  const track = () => {
    if (state.track) return store.set({ track: null });
    readTrack(hit).then(
      ({ geometry }) => store.set({ track: geometry }),
      (error) => setTold(formatError(language, error)),
    );
  };
  const lookInto = () => {
    incident.value = hit;
    store.set({ tab: "incident" });
  };
  const share = () => navigator.clipboard?.writeText(location.href).then(() => setTold(t(language, "tool.shared")), () => setTold(location.href));
  return html`<p class="actions">
    ${feature?.geometry && html`<button class="plain" onClick=${() => store.set({ framing: true })}><${Icon} name="frame" />${t(language, "panel.frame")}</button>`}
    ${moves && html`<button class="plain" aria-pressed=${state.track !== null} onClick=${track}><${Icon} name="track" />${t(language, "panel.track")}</button>`}
    ${feature?.geometry && html`<button class="plain" onClick=${lookInto}><${Icon} name="target" />${t(language, "incident.look")}</button>`}
    <button class="plain" onClick=${share}><${Icon} name="link" />${t(language, "panel.share")}</button>
    ${told && html`<span class="soft" role="status">${told}</span>`}
  </p>`;
}

/** @param {{ state: State, id: string }} props */
function CopyId({ state, id }) {
  const [copied, setCopied] = useState(false);
  const copy = () => navigator.clipboard?.writeText(id).then(() => setCopied(true), () => setCopied(false));
  return html`<button class="copy" aria-label=${t(state.language, "panel.copy")} onClick=${copy}>
    <code>${id}</code><${Icon} name="copy" />${copied && html`<span role="status">${t(state.language, "panel.copied")}</span>`}
  </button>`;
}
