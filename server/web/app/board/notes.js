// Notes of leaders on the area and its events, and the form of those who may write one.

import { html } from "../../vendor/preact.mjs";
import { formatTime, t } from "../i18n.js";
import { NoteForm } from "../notes.js";
import { askOverview } from "../state/overview.js";
import { at } from "../state/time.js";
import { Card, Nothing } from "./cards.js";

/** @typedef {import("../types.js").State} State */
/** @typedef {import("../state/overview.js").Told} Told */

/** @param {{ told: Told, state: State }} props */
export function Notes({ told, state }) {
  const { language, account } = state;
  const writes = (account?.duties.includes("write_notes") ?? false) && at.value === null;
  return html`<${Card} name="notes" language=${language}>
    <ol class="notes">
      ${told.notes.slice(0, writes ? 2 : 3).map((note) => html`<li key=${note.id}>
        <p>${note.words}</p>
        <small>${note.title} · ${note.author} · ${formatTime(language, note.noted_at)}</small>
      </li>`)}
    </ol>
    ${!told.notes.length && html`<${Nothing} language=${language} text=${at.value ? "board.no_notes_then" : "board.no_notes"} />`}
    ${writes && html`<${Form} told=${told} state=${state} />`}
  </${Card}>`;
}

/** @param {{ told: Told, state: State }} props */
function Form({ told: { area }, state: { language } }) {
  if (!area) return html`<p class="soft nothing">${t(language, "board.note_where")}</p>`;
  const layer = { district: "districts", street: "streets", community: "communities", grid: "grids" }[area.tier] ?? "";
  return html`<${NoteForm} language=${language} about=${{ layer, id: area.id }} hint=${t(language, "board.note_on", { area: area.name ?? area.code })} onSent=${askOverview} />`;
}
