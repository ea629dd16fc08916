// Small charts: rows of bars and columns by the hour, as elements that every style can colour.

import { html } from "../../vendor/preact.mjs";

/** @typedef {{ key: string, label: string, value: number, text: string, mark?: string, onClick?: () => void }} BarRow */

/**
 * Rows with a bar each, as long as its share of the greatest value; a table for screen readers.
 * @param {{ rows: BarRow[], most?: number, label: string }} props
 */
export function Bars({ rows, most = 0, label }) {
  const greatest = Math.max(most, ...rows.map((row) => row.value), 1e-9);
  return html`<table class="bars" aria-label=${label}><tbody>
    ${rows.map(({ key, label: name, value, text, mark, onClick }) => html`<tr key=${key} class=${mark ?? ""}>
      <th scope="row">${onClick ? html`<button class="link" onClick=${onClick}>${name}</button>` : name}</th>
      <td class="track"><i style=${{ width: `${(100 * value) / greatest}%` }} /></td>
      <td class="number">${text}</td>
    </tr>`)}
  </tbody></table>`;
}

/**
 * Columns of the last hours, the newest on the right.
 * @param {{ series: { key: string, values: number[] }[], label: string }} props
 */
export function Columns({ series, label }) {
  const most = Math.max(1, ...series.flatMap(({ values }) => values));
  const hours = series[0]?.values.length ?? 1;
  return html`<svg class="columns" role="img" aria-label=${label} viewBox=${`0 0 ${hours * 10} 40`} preserveAspectRatio="none">
    ${series.map(({ key, values }, place) =>
      values.map((value, hour) => {
        const high = (38 * value) / most;
        return html`<rect key=${`${key}${hour}`} class=${key} x=${hour * 10 + place * 4 + 1} width="3.6" y=${40 - high} height=${high} />`;
      }),
    )}
  </svg>`;
}
