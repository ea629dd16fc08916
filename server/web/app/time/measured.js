// What a feature has measured, and where a moving one was: read for charts, as of the moment of the page.

import { featurePath, fetchJson } from "../api.js";
import { titleOf } from "../i18n.js";

/** @typedef {import("../types.js").Layer} Layer */
/** @typedef {import("../types.js").Language} Language */
/** @typedef {{ code: string, title: string }} Choice */
/** @typedef {{ title: string, value: number }} Threshold */
/** @typedef {{ title: string, unit: string | null, times: number[], values: (number | null)[], thresholds: Threshold[] }} Measured  times in seconds */

export const SPEED = "speed_kmh";

/**
 * What can be drawn of the features of a layer.
 * @param {Language} language
 * @param {Layer} layer
 * @returns {Choice[]}
 */
export function choicesOf(language, layer) {
  const numbers = layer.fields.filter(({ type, live }) => live?.property && (type === "number" || type === "integer"));
  const codes = [...new Set(numbers.map(({ live }) => /** @type {string} */ (live?.property)))];
  const found = codes.map((code) => {
    const field = numbers.find(({ name }) => name === code) ?? numbers.find(({ live }) => live?.property === code);
    return { code, title: field ? titleOf(language, field) : code };
  });
  const speed = layer.fields.find(({ name }) => name === SPEED);
  return speed && layer.fields.some(({ name }) => name === "position_at") ? [{ code: SPEED, title: titleOf(language, speed) }, ...found] : found;
}

/**
 * @param {Language} language
 * @param {Layer} layer
 * @param {string} id
 * @param {Choice} choice
 * @param {number} from  ms
 * @param {number} to  ms
 * @returns {Promise<Measured>}
 */
export async function readMeasured(language, layer, id, choice, from, to) {
  const base = `twin/features/${encodeURIComponent(layer.id)}/${encodeURIComponent(id)}`;
  const span = { from: new Date(from).toISOString(), to: new Date(to).toISOString() };
  if (choice.code === SPEED) {
    const { properties } = await fetchJson(`${base}/track?${new URLSearchParams(span)}`);
    const times = (properties.times ?? []).flat().map((/** @type {string} */ time) => Date.parse(time) / 1000);
    return { title: choice.title, unit: "km/h", times, values: (properties.speed_kmh ?? []).flat(), thresholds: [] };
  }
  const [series, feature] = await Promise.all([
    fetchJson(`${base}/observations?${new URLSearchParams({ ...span, property: choice.code })}`),
    fetchJson(featurePath(layer.id, id, "json")),
  ]);
  const rows = /** @type {{ time: string, value: number | null }[]} */ (series.observations);
  return {
    title: titleOf(language, series), unit: series.unit, times: rows.map(({ time }) => Date.parse(time) / 1000), values: rows.map(({ value }) => value),
    thresholds: thresholdsOf(language, layer, choice.code, feature.properties),
  };
}

/**
 * @param {Language} language
 * @param {Layer} layer
 * @param {string} code
 * @param {Record<string, any>} properties
 * @returns {Threshold[]}
 */
function thresholdsOf(language, layer, code, properties) {
  const names = [...new Set(layer.fields.filter(({ live }) => live?.property === code).flatMap(({ limits }) => limits))];
  return names.flatMap((name) => {
    const field = layer.fields.find((one) => one.name === name);
    const value = properties[name];
    return field && typeof value === "number" ? [{ title: titleOf(language, field), value }] : [];
  });
}
