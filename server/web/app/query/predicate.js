// The condition of an area as CQL2 text: one for each layer, and the same for counts, tables, charts and downloads.

/** @typedef {import("../types.js").Layer} Layer */
/** @typedef {import("../state/area.js").Area} Area */

/** @type {Record<string, number>} digits of the codes of the areas that codes are made of */
const DIGITS = { districts: 6, streets: 9, communities: 12, grids: 15 };
export const VILLAGES = "urban_villages";
/** Layers whose features are areas that can be asked about, the usual ones first. */
export const AREA_LAYERS = ["streets", "communities", "grids", VILLAGES];

/**
 * The layer that has an area of a code; null for a code of no tier.
 * @param {string} code
 */
export const layerOfCode = (code) => (/^\d+$/.test(code) ? Object.keys(DIGITS).find((layer) => DIGITS[layer] === code.length) ?? null : null);

/**
 * Which features of a layer are in an area. A place belongs to the grid and to the community that its codes name, as in
 * `/twin/areas`; lines, places in villages and in shapes belong where they share ground.
 * @param {Area} area
 * @param {Layer} layer
 * @param {any} geometry  of the area; null for a box
 * @returns {string}
 */
export function predicateOf(area, layer, geometry) {
  if ("bbox" in area) return `S_INTERSECTS(geom,BBOX(${area.bbox.map((edge) => Number(edge.toFixed(6))).join(",")}))`;
  const has = (/** @type {string} */ name) => layer.fields.some((field) => field.name === name && !field.masked);
  if ("code" in area && area.layer === VILLAGES && has("urban_village_ids")) return `A_CONTAINS(urban_village_ids,(${quoted(area.code)}))`;
  const digits = "code" in area ? DIGITS[area.layer] : undefined;
  const isShared = /Line/.test(layer.geometry_type) || layer.id === VILLAGES; // a village lies in several areas
  if ("code" in area && digits && !isShared) {
    if (digits === DIGITS["grids"] && has("grid_code")) return `grid_code=${quoted(area.code)}`;
    if (digits === DIGITS["communities"] && has("area_code")) return `area_code=${quoted(area.code)}`;
    if (digits < 12 && has("area_code")) return `area_code LIKE ${quoted(`${area.code}%`)}`;
  }
  const wkt = wktOf(geometry);
  const shares = `S_INTERSECTS(geom,${wkt})`;
  return "code" in area && /Line|Polygon/.test(layer.geometry_type) ? `${shares} AND NOT S_TOUCHES(geom,${wkt})` : shares;
}

/** @param {string} text */
export const quoted = (text) => `'${text.replace(/'/g, "''")}'`;

/**
 * A polygon or several as WKT.
 * @param {any} geometry
 * @returns {string}
 */
function wktOf(geometry) {
  const place = (/** @type {number[]} */ [lon = 0, lat = 0]) => `${lon} ${lat}`; // as it was served: what only touches goes on touching
  const ring = (/** @type {number[][]} */ places) => `(${places.map(place).join(",")})`;
  const polygon = (/** @type {number[][][]} */ rings) => `(${rings.map(ring).join(",")})`;
  if (geometry.type === "Polygon") return `POLYGON${polygon(geometry.coordinates)}`;
  return `MULTIPOLYGON(${geometry.coordinates.map(polygon).join(",")})`;
}
