// The classes of reports as large icons: 24 by 24, one stroke.

import { html } from "../../vendor/preact.mjs";

/** @type {Record<string, string>} */
const PATHS = {
  "0101": "M3 21h18 M5 21V11l7-6 7 6v10 M9 21v-6h6v6 M15 3l5 5 M20 3l-5 5",
  "0102": "M5 7h14 M9 7V4h6v3 M7 7l1 13h8l1-13 M10.5 11v5 M13.5 11v5",
  "0103": "M2 20h20L15 9l-3.5 5L9 11Z M17 6h.01 M13 5h.01",
  "0104": "M8 3 4 21 M16 3l4 18 M12 4v3 M12 11v3 M12 18v3",
  "0105": "M12 3s6 6.6 6 11a6 6 0 0 1-12 0c0-4.4 6-11 6-11Z M9.5 14.5a2.6 2.6 0 0 0 2.5 2.5",
  "0106": "M5 20C5 9 12 4 20 4c0 9-5 15-12 14 M5 20c2-5 5-8 9-10",
  "0406": "M2 14c2-2 4-2 6 0s4 2 6 0 4-2 6 0 M2 19c2-2 4-2 6 0s4 2 6 0 4-2 6 0 M6 10l1-4h10l1 4 M9 10h.01 M15 10h.01",
};
const OTHER = "M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18Z M12 8v5 M12 16.5h.01";

/** @param {{ code: string }} props */
export function ClassIcon({ code }) {
  return html`<svg class="class-icon" viewBox="0 0 24 24" aria-hidden="true"><path d=${PATHS[code] ?? OTHER} /></svg>`;
}

/** @type {Record<string, string>} */
const MORE = {
  map: "M8 3 2 6v12l6-3 6 3 6-3V3l-6 3Z M8 3v12 M14 6v12",
  tasks: "M8 6h12 M8 12h12 M8 18h12 M3 6l1 1 2-2 M3 12l1 1 2-2 M3 18l1 1 2-2",
  report: "M12 4v16 M4 12h16",
  me: "M11 11a4 4 0 1 0 0-8 4 4 0 0 0 0 8Z M3 20c1-5 4-7 8-7s7 2 8 7",
  locate: "M12 8a4 4 0 1 0 0 8 4 4 0 0 0 0-8Z M12 2v4 M12 18v4 M2 12h4 M18 12h4",
  call: "M6 3h4l2 5-2.5 1.5a11 11 0 0 0 5 5L16 12l5 2v4c0 1-1 3-3 3C10 21 3 14 3 6c0-2 2-3 3-3Z",
  camera: "M4 7h4l2-3h4l2 3h4v12H4Z M12 10a3 3 0 1 0 0 6 3 3 0 0 0 0-6Z",
  back: "M15 5l-7 7 7 7",
};

/** @param {{ name: string }} props */
export function PhoneIcon({ name }) {
  return html`<svg class="phone-icon" viewBox="0 0 24 24" aria-hidden="true"><path d=${MORE[name]} /></svg>`;
}
