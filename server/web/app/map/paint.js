// Changes of what style layers paint: a share of their opacity, and a highlight of what the pointer is over.

/** @typedef {import("../types.js").StyleLayer} StyleLayer */

/** @type {Record<string, string[]>} */
const OPACITIES = {
  fill: ["fill-opacity"],
  line: ["line-opacity"],
  circle: ["circle-opacity", "circle-stroke-opacity"],
  symbol: ["icon-opacity", "text-opacity"],
  "fill-extrusion": ["fill-extrusion-opacity"],
};
const OVER = ["boolean", ["feature-state", "hover"], false];

/**
 * A style layer with a share of its opacity.
 * @param {StyleLayer} layer
 * @param {number} share
 * @returns {StyleLayer}
 */
export function faint(layer, share) {
  if (share === 1) return layer;
  const own = (OPACITIES[layer.type] ?? []).map((name) => [name, each(layer.paint?.[name] ?? 1, (value) => scaled(value, share))]);
  return { ...layer, paint: { ...layer.paint, ...Object.fromEntries(own) } };
}

/**
 * @param {any} value
 * @param {number} share
 */
const scaled = (value, share) => (typeof value === "number" ? Number((value * share).toFixed(3)) : ["*", share, value]);

/**
 * A style layer whose points get a wider line, and whose areas get a denser fill and a clear edge, while the pointer is over
 * them. A fill that is not drawn stays so: it would be drawn over the whole map at each frame.
 * @param {StyleLayer} layer
 * @param {string} ink  colour of the line
 * @returns {StyleLayer}
 */
export function hoverable(layer, ink) {
  const { paint = {}, id } = layer;
  if (id.endsWith(":point")) {
    const width = each(paint["circle-stroke-width"] ?? 0, (value) => ["case", OVER, ["+", value, 2], value]);
    return { ...layer, paint: { ...paint, "circle-stroke-width": width, "circle-stroke-color": ["case", OVER, ink, paint["circle-stroke-color"] ?? ink] } };
  }
  if (id.endsWith(":edge")) {
    const opacity = each(paint["line-opacity"] ?? 1, (value) => ["case", OVER, 1, value]);
    return { ...layer, paint: { ...paint, "line-opacity": opacity, "line-color": ["case", OVER, ink, paint["line-color"] ?? ink] } };
  }
  if (layer.type !== "fill" || !id.endsWith(":area") || paint["fill-opacity"] === 0) return layer;
  return { ...layer, paint: { ...paint, "fill-opacity": each(paint["fill-opacity"] ?? 1, (value) => ["case", OVER, ["min", 1, ["+", value, 0.22]], value]) } };
}

/**
 * Change the values of an expression; one of the zoom stays outermost, as MapLibre demands.
 * @param {any} expression
 * @param {(value: any) => any} change
 * @returns {any}
 */
export function each(expression, change) {
  const first = Array.isArray(expression) ? { interpolate: 4, step: 2 }[String(expression[0])] : undefined;
  if (first === undefined) return change(expression);
  return expression.map((/** @type {any} */ part, /** @type {number} */ at) => (at >= first && at % 2 === 0 ? change(part) : part));
}
