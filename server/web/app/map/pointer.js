// The ring around what a list points at. It is no layer of the style, so that a new style does not take it away.

import * as maplibre from "../../vendor/maplibre-gl.mjs";
import { effect } from "../../vendor/signals.mjs";
import { pointed } from "../state/pointed.js";

/**
 * Show the ring on a map until the map is removed.
 * @param {maplibre.Map} map
 * @returns {() => void} takes it away
 */
export function showPointed(map) {
  const element = document.createElement("div");
  element.setAttribute("aria-hidden", "true");
  const marker = new maplibre.Marker({ element });
  const stop = effect(() => {
    const target = pointed.value;
    if (!target) return void marker.remove();
    element.classList.remove("pointer", "flash");
    void element.offsetWidth; // so that the flash begins anew
    element.classList.add("pointer", ...(target.flash ? ["flash"] : []));
    marker.setLngLat(target.lonlat).addTo(map);
  });
  return () => {
    stop();
    marker.remove();
  };
}
