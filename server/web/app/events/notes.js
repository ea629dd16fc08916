// What leaders wrote about an event, and the form of those who may write.

import { html } from "../../vendor/preact.mjs";
import { fetchJson } from "../api.js";
import { useRead } from "../feature/read.js";
import { formatError, formatTime, t } from "../i18n.js";
import { NoteForm } from "../notes.js";
import { at } from "../state/time.js";
import { LAYER } from "./filters.js";

/** @typedef {import("../types.js").State} State */
/** @typedef {import("../state/overview.js").Note} Note */

/**
 * @param {string} id
 * @returns {Promise<Note[]>} the newest first
 */
const read = async (id) => (await fetchJson(`twin/notes?${new URLSearchParams({ layer: LAYER, id, limit: "20" })}`)).notes;

/** Nothing for who may not read notes. @param {{ state: State, id: string }} props */
export function EventNotes({ state, id }) {
  const duties = state.account?.duties ?? [];
  if (!duties.includes("read_notes")) return null;
  return html`<${Notes} state=${state} id=${id} writes=${duties.includes("write_notes") && at.value === null} />`;
}

/** @param {{ state: State, id: string, writes: boolean }} props */
function Notes({ state, id, writes }) {
  const { language } = state;
  const { value, error, again } = useRead(() => read(id), [id, state.account?.id ?? "", state.changes[LAYER] ?? 0, state.changes["notes"] ?? 0]);
  const known = (value ?? []).filter(({ noted_at: time }) => !at.value || Date.parse(time) <= Date.parse(at.value));
  if (value && !known.length && !writes) return null;
  return html`<section class="event-notes" aria-label=${t(language, "board.notes")} aria-busy=${!value && error === null}>
    <h4>${t(language, "board.notes")}</h4>
    ${error !== null && html`<p class="wrong" role="alert">${formatError(language, error)} <button class="plain" onClick=${again}>${t(language, "state.retry")}</button></p>`}
    ${known.map((note) => html`<blockquote key=${note.id}><p>${note.words}</p><small>${note.author} · ${formatTime(language, note.noted_at)}</small></blockquote>`)}
    ${writes && html`<${NoteForm} language=${language} about=${{ layer: LAYER, id }} hint=${t(language, "event.note_hint")} onSent=${again} />`}
  </section>`;
}
