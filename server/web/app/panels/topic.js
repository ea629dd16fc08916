// The switch of themes in the bar.

import { html } from "../../vendor/preact.mjs";
import { t, titleOf } from "../i18n.js";
import { chosen, topicOf } from "../topics.js";

/** @typedef {import("../store.js").Store} Store */
/** @typedef {import("../types.js").State} State */

/** @param {{ store: Store, state: State, refresh: () => Promise<void> }} props */
export function TopicSwitch({ store, state, refresh }) {
  const { language, topics } = state;
  if (!topics.length) return null;
  const current = topicOf(state);
  const choose = (/** @type {any} */ event) => {
    const topic = topics.find(({ name }) => name === event.currentTarget.value);
    if (!topic) return;
    store.set(chosen(topic));
    void refresh(); // it may come with another style
  };
  return html`<select class="topic" aria-label=${t(language, "topic.label")} title=${t(language, "topic.label")} onChange=${choose}>
    ${topics.map((one) => html`<option value=${one.name} selected=${one === current} key=${one.name}>${titleOf(language, one)}</option>`)}
  </select>`;
}
