// The search in the bar: one box for layers, names, addresses, codes, plates and coordinates. A combobox with a list.

import { html, useEffect, useRef, useState } from "../../vendor/preact.mjs";
import { formatError, t } from "../i18n.js";
import { Icon } from "../panels/icons.js";
import { isVisible } from "../store.js";
import { addresses, features, layers, located, places } from "./sources.js";

/** @typedef {import("../store.js").Store} Store */
/** @typedef {import("../types.js").State} State */
/** @typedef {import("./sources.js").Found} Found */

const PAUSE_MS = 250; // of typing
const MOST = 14;
const AROUND_DEG = 0.002;

/** @param {{ store: Store, state: State }} props */
export function SearchBox({ store, state }) {
  const { language } = state;
  const [text, setText] = useState("");
  const [open, setOpen] = useState(false);
  const [at, setAt] = useState(0);
  const [fault, setFault] = useState("");
  const box = useRef(/** @type {HTMLElement | null} */ (null));
  const { found, busy, fresh } = useFound(state, text.trim());
  useEffect(() => focusBySlash(box), []);
  const choose = async (/** @type {Found | undefined} */ one) => {
    if (!one) return;
    setOpen(false);
    setFault("");
    try {
      await show(store, one);
    } catch (error) {
      setFault(formatError(language, error));
      setOpen(true);
    }
  };
  const type = (/** @type {any} */ event) => {
    setText(event.currentTarget.value);
    setAt(0);
    setOpen(true);
  };
  const onKey = (/** @type {KeyboardEvent} */ event) => {
    const by = event.key === "ArrowDown" ? 1 : event.key === "ArrowUp" ? -1 : 0;
    if (by && found.length) setAt((at + by + found.length) % found.length);
    else if (event.key === "Enter") void choose(fresh ? found[at] : undefined);
    else if (event.key === "Escape") setOpen(false);
    else return;
    event.preventDefault();
    event.stopPropagation();
    if (by) setOpen(true);
  };
  const shown = open && text.trim() !== "";
  return html`<div class="search" role="search" ref=${box} onFocusOut=${(/** @type {FocusEvent} */ event) => box.current?.contains(/** @type {any} */ (event.relatedTarget)) || setOpen(false)}>
    <${Icon} name="search" />
    <input type="search" role="combobox" autocomplete="off" aria-expanded=${shown} aria-controls="search-list" aria-autocomplete="list"
      aria-activedescendant=${shown && found[at] ? `search-${at}` : undefined} aria-label=${t(language, "search.label")} placeholder=${t(language, "search.hint")}
      value=${text} onInput=${type} onFocus=${() => setOpen(true)} onKeyDown=${onKey} />
    ${shown && html`<ul class="card" id="search-list" role="listbox" aria-label=${t(language, "search.label")}>
      ${found.map((one, number) => html`<li key=${number} id=${`search-${number}`} role="option" aria-selected=${number === at}
        onMouseDown=${(/** @type {Event} */ event) => event.preventDefault()} onClick=${() => choose(one)}><b>${one.title}</b><small>${one.hint}</small></li>`)}
      ${fault && html`<li class="wrong" role="alert">${fault}</li>`}
      ${!found.length && html`<li class="soft" role="status">${t(language, busy ? "search.busy" : "search.none", { text })}</li>`}
    </ul>`}
  </div>`;
}

/**
 * What a text finds: places and layers at once, the rest when nothing more is typed.
 * @param {State} state
 * @param {string} text
 * @returns {{ found: Found[], busy: boolean, fresh: boolean }}  not fresh: of the text before, until the answer comes
 */
function useFound(state, text) {
  const [answer, setAnswer] = useState({ text: "", found: /** @type {Found[]} */ ([]) });
  const near = text ? places(state, text) : [];
  const isName = text !== "" && near.length === 0; // a coordinate is no name
  useEffect(() => {
    if (!isName) return undefined;
    const ending = new AbortController();
    const timer = setTimeout(async () => {
      const asked = [layers(state, text), features(state, text, ending.signal), addresses(state, text, ending.signal)];
      const parts = await Promise.allSettled(asked);
      if (ending.signal.aborted) return;
      const found = parts.flatMap((part) => (part.status === "fulfilled" ? part.value : []));
      setAnswer({ text, found: found.slice(0, MOST) });
    }, PAUSE_MS);
    return () => {
      clearTimeout(timer);
      ending.abort();
    };
  }, [text, isName, state.map?.structure, state.language]);
  if (!isName) return { found: near, busy: false, fresh: true };
  return { found: answer.found, busy: answer.text !== text, fresh: answer.text === text };
}

/**
 * @param {Store} store
 * @param {Found} one
 */
async function show(store, one) {
  const state = store.get();
  if (one.kind === "feature") return store.set({ hits: [{ layer: one.layer.id, id: one.id }], chosen: 0, framing: true, mode: "map", pin: null });
  if (one.kind === "layer") {
    const toggled = new Set(state.toggled);
    if (!isVisible(state, one.layer) && !toggled.delete(one.layer.id)) toggled.add(one.layer.id);
    return store.set({ toggled, frame: one.layer.bbox, mode: "map" });
  }
  const { lon, lat } = one.kind === "place" ? await located(one) : one;
  store.set({ pin: { type: "Point", coordinates: [lon, lat] }, frame: [lon - AROUND_DEG, lat - AROUND_DEG, lon + AROUND_DEG, lat + AROUND_DEG], mode: "map" });
}

/**
 * The slash leads to the search, as it does elsewhere.
 * @param {{ current: HTMLElement | null }} box
 */
function focusBySlash(box) {
  const onKey = (/** @type {KeyboardEvent} */ event) => {
    const typing = event.target instanceof Element && event.target.closest("input, textarea, select");
    if (event.key !== "/" || typing) return;
    event.preventDefault();
    box.current?.querySelector("input")?.focus();
  };
  addEventListener("keydown", onKey);
  return () => removeEventListener("keydown", onKey);
}
