// Notes of leaders on the area and its events, and the form of those who may write one.

import { html, useState } from "../../vendor/preact.mjs";
import { ServerError, address } from "../api.js";
import { formatError, formatTime, t } from "../i18n.js";
import { askOverview } from "../state/overview.js";
import { Card, Nothing } from "./cards.js";

/** @typedef {import("../types.js").State} State */
/** @typedef {import("../state/overview.js").Told} Told */

/** @param {{ layer: string, id: string, words: string }} note */
async function send(note) {
  const headers = { "Content-Type": "application/json" };
  const answer = await fetch(address("twin/notes"), { method: "POST", headers, body: JSON.stringify(note) });
  if (answer.ok) return;
  const problem = await answer.json().catch(() => ({}));
  throw new ServerError(answer.status, problem.detail ?? answer.statusText);
}

/** @param {{ told: Told, state: State }} props */
export function Notes({ told, state }) {
  const { language, account } = state;
  const writes = account?.duties.includes("write_notes") ?? false;
  return html`<${Card} name="notes" language=${language}>
    <ol class="notes">
      ${told.notes.slice(0, writes ? 2 : 3).map((note) => html`<li key=${note.id}>
        <p>${note.words}</p>
        <small>${note.title} · ${note.author} · ${formatTime(language, note.noted_at)}</small>
      </li>`)}
    </ol>
    ${!told.notes.length && html`<${Nothing} language=${language} text="board.no_notes" />`}
    ${writes && html`<${Form} told=${told} state=${state} />`}
  </${Card}>`;
}

/** @param {{ told: Told, state: State }} props */
function Form({ told, state: { language } }) {
  const [words, setWords] = useState("");
  const [fault, setFault] = useState("");
  const [busy, setBusy] = useState(false);
  const { area } = told;
  if (!area) return html`<p class="soft nothing">${t(language, "board.note_where")}</p>`;
  const layer = { district: "districts", street: "streets", community: "communities", grid: "grids" }[area.tier] ?? "";
  const submit = async (/** @type {Event} */ event) => {
    event.preventDefault();
    setBusy(true);
    setFault("");
    try {
      await send({ layer, id: area.id, words });
      setWords("");
      await askOverview();
    } catch (error) {
      setFault(formatError(language, error));
    } finally {
      setBusy(false);
    }
  };
  return html`<form onSubmit=${submit}>
    <input value=${words} maxlength="1000" required aria-label=${t(language, "board.note_words")}
      placeholder=${t(language, "board.note_on", { area: area.name ?? area.code })} onInput=${(/** @type {any} */ event) => setWords(event.currentTarget.value)} />
    <button class="primary" disabled=${busy || !words.trim()}>${t(language, "board.note_send")}</button>
    ${fault && html`<p class="wrong" role="alert">${fault}</p>`}
  </form>`;
}
