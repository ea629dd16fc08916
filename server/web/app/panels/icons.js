// The icons of the page: 20 by 20, one stroke.

import { html } from "../../vendor/preact.mjs";

/** @type {Record<string, string>} */
const PATHS = {
  eye: "M1.5 10S4.5 4 10 4s8.5 6 8.5 6-3 6-8.5 6-8.5-6-8.5-6Z M10 12.6a2.6 2.6 0 1 0 0-5.2 2.6 2.6 0 0 0 0 5.2Z",
  eyeOff: "M3 3l14 14 M8.2 4.2A8.6 8.6 0 0 1 10 4c5.5 0 8.5 6 8.5 6a14 14 0 0 1-2.6 3.3 M5.2 5.6A13.6 13.6 0 0 0 1.5 10s3 6 8.5 6a8.3 8.3 0 0 0 4-1",
  close: "M5 5l10 10 M15 5L5 15",
  search: "M9 15a6 6 0 1 0 0-12 6 6 0 0 0 0 12Z M13.5 13.5 17.5 17.5",
  up: "M10 16V4 M5 9l5-5 5 5",
  down: "M10 4v12 M5 11l5 5 5-5",
  track: "M4 16a2 2 0 1 0 0-.01Z M16 4a2 2 0 1 0 0-.01Z M6 16h6a3 3 0 0 0 0-6H8a3 3 0 0 1 0-6h6",
  frame: "M3 7V3h4 M13 3h4v4 M17 13v4h-4 M7 17H3v-4 M10 8v4 M8 10h4",
  only: "M10 14a4 4 0 1 0 0-8 4 4 0 0 0 0 8Z M10 1.5v2 M10 16.5v2 M1.5 10h2 M16.5 10h2",
  chevron: "M5 8l5 5 5-5",
  layers: "M10 2.5 18 7l-8 4.5L2 7Z M2.5 11 10 15.2 17.5 11 M2.5 14.2 10 18.4l7.5-4.2",
  list: "M7 5h10 M7 10h10 M7 15h10 M3 5h.01 M3 10h.01 M3 15h.01",
  home: "M3 9.5 10 3.5l7 6 M5 8.5V16.5h10V8.5",
  cube: "M10 2.5 16.5 6v8L10 17.5 3.5 14V6Z M3.5 6 10 9.5 16.5 6 M10 9.5v8",
  link: "M8.5 11.5a3.5 3.5 0 0 0 5 0l2.5-2.5a3.5 3.5 0 0 0-5-5L9.8 5.2 M11.5 8.5a3.5 3.5 0 0 0-5 0L4 11a3.5 3.5 0 0 0 5 5l1.2-1.2",
  copy: "M7 7h9v10H7Z M4 13V3h9",
  warning: "M10 3 18 16.5H2Z M10 8v4 M10 14.3h.01",
  ruler: "M2.5 13.5 13.5 2.5l4 4L6.5 17.5Z M5.5 10.5l2 2 M8 8l1.5 1.5 M10.5 5.5l2 2",
  surface: "M4 4h12v12H4Z M4 4h.01 M16 4h.01 M4 16h.01 M16 16h.01 M7 13l6-6",
  target: "M10 3.5a6.5 6.5 0 1 0 0 13 6.5 6.5 0 0 0 0-13Z M10 8a2 2 0 1 0 0 4 2 2 0 0 0 0-4Z M10 1v3 M10 16v3 M1 10h3 M16 10h3",
  camera: "M3 6h3.5L8 4h4l1.5 2H17v10H3Z M10 8.2a2.6 2.6 0 1 0 0 5.2 2.6 2.6 0 0 0 0-5.2Z",
  printer: "M6 7V3h8v4 M6 14H3V7h14v7h-3 M6 12h8v5H6Z",
  key: "M12.5 11.5a4 4 0 1 0-3.8-2.7L3 14.5V17h3v-2h2v-2h1.5Z M13.5 6.5h.01",
};

/** @param {{ name: string }} props */
export function Icon({ name }) {
  return html`<svg class="icon" viewBox="0 0 20 20" aria-hidden="true"><path d=${PATHS[name]} /></svg>`;
}
