// The areas of a tier coloured by a number: classes, colours, and the layers of the map that draw them.

/** @typedef {import("../state/overview.js").Child} Child */
/** @typedef {import("../state/overview.js").Told} Told */
/** @typedef {import("maplibre-gl").Map} MapLibre */

export const LAYERS = { district: "districts", street: "streets", community: "communities", grid: "grids" };
const CLASSES = 5;
const FILL = "board-fill";
const LINE = "board-line";

/**
 * Upper ends of at most five classes of equal width, in round numbers; empty when nothing is above zero.
 * @param {number[]} values
 */
export function classes(values) {
  const most = Math.max(0, ...values);
  if (!most) return [];
  const rough = most / CLASSES;
  const unit = 10 ** Math.floor(Math.log10(rough));
  const width = Math.max(1, (/** @type {number} */ ([1, 2, 2.5, 5, 10].find((step) => step * unit >= rough))) * unit);
  const ends = [];
  for (let end = Math.ceil(width); ends.length < CLASSES && (ends.at(-1) ?? 0) < most; end = Math.ceil(width * (ends.length + 1))) ends.push(end);
  return ends;
}

/** @param {number} value @param {number[]} ends */
export function classOf(value, ends) {
  const found = ends.findIndex((end) => value <= end);
  return found < 0 ? ends.length - 1 : found;
}

/** The colours of the classes, as the style sheet has them. @param {Element} element */
export function ramp(element) {
  const style = getComputedStyle(element);
  return Array.from({ length: CLASSES }, (_, n) => style.getPropertyValue(`--ramp-${n + 1}`).trim());
}

/**
 * Colour the areas below, and draw no others.
 * @param {MapLibre} map
 * @param {Told} told
 * @param {string[]} colors
 * @param {string} accent
 */
export function paint(map, told, colors, accent) {
  const layer = told.below ? LAYERS[/** @type {keyof typeof LAYERS} */ (told.below)] : null;
  for (const kind of [FILL, LINE]) if (map.getLayer(kind)) map.removeLayer(kind);
  if (!layer || !map.getSource(layer) || !told.children.length) return;
  const values = told.children.map(valueOf);
  const ends = classes(values.filter((value) => value !== null));
  const pairs = told.children.flatMap((child, place) => {
    const value = values[place];
    return [child.id, value === null || value === undefined || value === 0 || !ends.length ? "transparent" : colors[classOf(value, ends)]];
  });
  const own = /** @type {any} */ (["in", ["get", "id"], ["literal", told.children.map(({ id }) => id)]]);
  const before = map.getLayersOrder().find((id) => map.getLayer(id)?.type === "symbol");
  const shared = { source: layer, "source-layer": layer, filter: own };
  map.addLayer({ id: FILL, type: "fill", ...shared, paint: { "fill-color": /** @type {any} */ (["match", ["get", "id"], ...pairs, "transparent"]), "fill-opacity": 0.72 } }, before);
  map.addLayer({ id: LINE, type: "line", ...shared, paint: { "line-color": accent, "line-width": 1.5, "line-opacity": 0.7 } }, before);
}

/** @param {Child} child */
function valueOf(child) {
  const value = child.values["events_open"];
  return typeof value === "number" ? value : null;
}

/** The area below at a point of the map. @param {MapLibre} map @param {import("maplibre-gl").PointLike} point @returns {string | null} id */
export function areaAt(map, point) {
  if (!map.getLayer(FILL)) return null;
  return map.queryRenderedFeatures(point, { layers: [FILL] })[0]?.properties["id"] ?? null;
}
