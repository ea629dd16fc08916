// What the panel reads of a feature: its fields, its relations, its history.

import { useEffect, useState } from "../../vendor/preact.mjs";
import { ask, fetchFeature } from "../api.js";
import { at } from "../state/time.js";

/** @typedef {import("../types.js").Hit} Hit */
/** @typedef {import("../types.js").Feature} Feature */
/** @template T @typedef {{ value: T | null, error: unknown, again: () => void }} Read  both null while it is being read */

/** @typedef {{ code: string, name: string | null }} Area */
/** @typedef {{ layer: string, id: string, relation: string, name: string | null, distance_m: number | null }} RelatedFeature */
/** @typedef {{ person?: string, phone?: string, duty_phone?: string }} Shift */
/** @typedef {{ level: string, responsible: { id: string, layer: string, name: string | null, org_name: string | null, post: string | null,
 *   person: string | null, phone: string | null, duty_phone: string | null, on_duty: Shift[] }[] }} Rung */
/** @typedef {{ district: Area | null, street: Area | null, community: Area | null, grid: Area | null,
 *   urban_villages: { id: string, name: string | null }[], waterway: { id: string, name: string | null, distance_m: number } | null,
 *   events: RelatedFeature[], cameras: RelatedFeature[], responsible: Rung[], complete: boolean }} Related */
/** @typedef {{ title_zh: string, title_en: string, unit: string | null, observations: { time: string, mean: number | null }[] }} Series */

const DAY_MS = 86_400_000;

/** @param {Hit} hit */
const path = ({ layer, id }) => `twin/features/${encodeURIComponent(layer)}/${encodeURIComponent(id)}`;

/**
 * Read something, and again when an input is another; what was read stays until the new answer is there.
 * @template T
 * @param {() => Promise<T>} read
 * @param {readonly unknown[]} inputs
 * @returns {Read<T>}
 */
export function useRead(read, inputs) {
  const [count, setCount] = useState(0);
  const [answer, setAnswer] = useState(/** @type {{ value: T | null, error: unknown }} */ ({ value: null, error: null }));
  useEffect(() => {
    let current = true;
    read().then(
      (value) => current && setAnswer({ value, error: null }),
      (error) => current && setAnswer({ value: null, error }),
    );
    return () => {
      current = false;
    };
  }, [...inputs, count]);
  return { ...answer, again: () => setCount(count + 1) };
}

/**
 * @param {Hit} hit
 * @returns {Promise<Feature>}
 */
export const readFeature = (hit) => fetchFeature(hit.layer, hit.id);

/**
 * @param {Hit} hit
 * @returns {Promise<Related>}
 */
export const readRelated = async (hit) => (await ask(`${path(hit)}/related`)).json();

/** The day before the moment of the page. */
function lastDay() {
  const to = at.value ? Date.parse(at.value) : Date.now();
  return { from: new Date(to - DAY_MS).toISOString(), ...(at.value ? { to: at.value } : {}) };
}

/**
 * What a sensor measured in the last day, in steps of five minutes.
 * @param {Hit} hit
 * @param {string} property
 * @returns {Promise<Series>}
 */
export async function readSeries(hit, property) {
  return (await ask(`${path(hit)}/observations?${new URLSearchParams({ property, ...lastDay(), step: "5m", agg: "mean" })}`)).json();
}

/**
 * Where a moving feature was in the last day.
 * @param {Hit} hit
 * @returns {Promise<{ geometry: any }>}
 */
export const readTrack = async (hit) => (await ask(`${path(hit)}/track?${new URLSearchParams({ simplify_m: "10", ...(at.value ? lastDay() : {}) })}`)).json();
