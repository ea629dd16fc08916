// How many events occurred in each step of a window, under the slider that chooses a moment.

import { html, useEffect, useState } from "../../vendor/preact.mjs";
import { fetchJson } from "../api.js";
import { formatNumber, t } from "../i18n.js";
import { dayAndTime } from "./words.js";

/** @typedef {import("../types.js").Language} Language */
/** @typedef {{ begin: number, count: number, open: number }} Step */
/** @typedef {{ steps: Step[] | null, fault: unknown, again: () => void }} Counted */

/**
 * The counts of a window; those of the window before stay until the new ones are there.
 * @param {number} from  ms
 * @param {number} to  ms
 * @param {string} step
 * @param {string} filter  CQL2, empty for all
 * @param {number} changes  counts are read again when it changes
 * @returns {Counted}
 */
export function useCounts(from, to, step, filter, changes) {
  const [steps, setSteps] = useState(/** @type {Step[] | null} */ (null));
  const [fault, setFault] = useState(/** @type {unknown} */ (null));
  const [tries, setTries] = useState(0);
  useEffect(() => {
    let current = true;
    const asked = { layer: "events", by: `time:${step}`, f: "json", from: new Date(from).toISOString(), to: new Date(to).toISOString(), ...(filter ? { filter } : {}) };
    fetchJson(`twin/aggregate?${new URLSearchParams(asked)}`, null).then( // the axis holds what came after the moment too
      ({ areas }) => {
        if (!current) return;
        setSteps(areas.map((/** @type {any} */ { code, count, open }) => ({ begin: Date.parse(code), count, open: open ?? 0 })));
        setFault(null);
      },
      (error) => current && setFault(error),
    );
    return () => {
      current = false;
    };
  }, [from, to, step, filter, changes, tries]);
  return { steps, fault, again: () => setTries(tries + 1) };
}

/** @param {{ language: Language, steps: Step[], from: number, to: number, moments: number[] }} props */
export function Histogram({ language, steps, from, to, moments }) {
  const most = Math.max(1, ...steps.map(({ count }) => count));
  const total = steps.reduce((sum, { count }) => sum + count, 0);
  const wide = 1000 / Math.max(1, steps.length);
  const place = (/** @type {number} */ time) => (1000 * (time - from)) / (to - from);
  return html`<div class="histogram">
    <svg viewBox="0 0 1000 100" preserveAspectRatio="none" role="img" aria-label=${t(language, "time.histogram", { n: formatNumber(language, total), most })}>
      ${steps.map(({ begin, count, open }) => html`<g key=${begin}>
        <title>${dayAndTime(language, begin)} · ${count}</title>
        <rect class="hit" x=${place(begin)} width=${wide} y="0" height="100" />
        <rect class="bar-all" x=${place(begin) + wide * 0.1} width=${wide * 0.8} y=${100 - (96 * count) / most} height=${(96 * count) / most} />
        <rect class="bar-open" x=${place(begin) + wide * 0.1} width=${wide * 0.8} y=${100 - (96 * open) / most} height=${(96 * open) / most} />
      </g>`)}
      ${moments.map((time) => html`<line key=${time} x1=${place(time)} x2=${place(time)} y1="0" y2="100" vector-effect="non-scaling-stroke" />`)}
    </svg>
    <span class="most" aria-hidden="true">${formatNumber(language, most)}</span>
  </div>`;
}
