// Choosing on the map without a pointer, what a pointer is over, and keeping the chosen in view.

import { inspects } from "../state/tool.js";
import { hitsAt } from "./map.js";

/** @typedef {import("../store.js").Store} Store */
/** @typedef {import("maplibre-gl").Map} MapLibre */

const ASIDE = 80; // pixels beside the panel

/**
 * Enter on the map chooses what is at its centre, which a cross marks while the map has the focus.
 * @param {MapLibre} map
 * @param {Store} store
 */
export function chooseByKeyboard(map, store) {
  map.getCanvas().addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || !inspects()) return;
    event.preventDefault();
    const centre = map.project(map.getCenter());
    store.set({ hits: hitsAt(map, centre), chosen: 0, framing: false, track: null });
  });
}

/**
 * Point at what the pointer is over.
 * @param {MapLibre} map
 */
export function hover(map) {
  /** @type {{ source: string, sourceLayer?: string, id: string } | null} */
  let over = null;
  const leave = () => {
    if (over && map.getSource(over.source)) map.setFeatureState(over, { hover: false });
    over = null;
  };
  map.on("mousemove", ({ point }) => {
    if (!inspects()) return;
    const [hit] = hitsAt(map, point);
    map.getCanvas().style.cursor = hit ? "pointer" : "";
    if (hit?.id === over?.id && hit?.layer === over?.source) return;
    leave();
    if (!hit) return;
    over = { source: hit.layer, id: hit.id, ...(map.getSource(hit.layer)?.type === "vector" ? { sourceLayer: hit.layer } : {}) };
    map.setFeatureState(over, { hover: true });
  });
  map.on("mouseout", leave);
}

/**
 * Move the map so far that a chosen thing does not lie below the panel; a click moves nothing where it is in view.
 * @param {MapLibre} map
 * @param {any} geometry  GeoJSON
 */
export function uncover(map, geometry) {
  if (geometry.type !== "Point") return;
  const docked = document.querySelector(".docked .feature");
  if (!docked) return;
  const at = map.project(geometry.coordinates);
  const box = docked.getBoundingClientRect();
  const frame = map.getContainer().getBoundingClientRect();
  const covered = at.x > box.left - frame.left - 20 && at.y < box.bottom - frame.top + 20 && at.x < frame.width && at.y > 0 && at.y < frame.height;
  if (covered) map.panBy([at.x - (box.left - frame.left) + ASIDE, 0], { duration: 0 });
}
