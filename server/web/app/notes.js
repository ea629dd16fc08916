// Writing a note of a leader, on the board and in the panel of an event.

import { html, useState } from "../vendor/preact.mjs";
import { ServerError, address } from "./api.js";
import { formatError, t } from "./i18n.js";

/** @typedef {{ layer: string, id: string }} About */

/** @param {About & { words: string }} note */
async function send(note) {
  const headers = { "Content-Type": "application/json" };
  const answer = await fetch(address("twin/notes"), { method: "POST", headers, body: JSON.stringify(note) });
  if (answer.ok) return;
  const problem = await answer.json().catch(() => ({}));
  throw new ServerError(answer.status, problem.detail ?? answer.statusText);
}

/** @param {{ language: import("./types.js").Language, about: About, hint: string, onSent: () => Promise<void> | void }} props */
export function NoteForm({ language, about, hint, onSent }) {
  const [words, setWords] = useState("");
  const [fault, setFault] = useState("");
  const [busy, setBusy] = useState(false);
  const submit = async (/** @type {Event} */ event) => {
    event.preventDefault();
    setBusy(true);
    setFault("");
    try {
      await send({ ...about, words });
      setWords("");
      await onSent();
    } catch (error) {
      setFault(formatError(language, error));
    } finally {
      setBusy(false);
    }
  };
  return html`<form class="note-form" onSubmit=${submit}>
    <input value=${words} maxlength="1000" required aria-label=${t(language, "board.note_words")}
      placeholder=${hint} onInput=${(/** @type {any} */ event) => setWords(event.currentTarget.value)} />
    <button class="primary" disabled=${busy || !words.trim()}>${t(language, "board.note_send")}</button>
    ${fault && html`<p class="wrong" role="alert">${fault}</p>`}
  </form>`;
}
