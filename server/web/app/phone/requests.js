// What the phone asks and sends. A request that gets no answer ends by itself: a poor line must not hold everything up.

import { ServerError, address } from "../api.js";

const PATIENCE_MS = 30_000;

/** @typedef {import("../types.js").Feature} Feature */
/** @typedef {{ lon: number, lat: number, crs: string }} Given  a place as the phone told it */
/** @typedef {{ code: string, name: string | null }} Area */
/** @typedef {{ level: string, responsible: any[] }} Rung */
/**
 * @typedef {object} Located
 * @property {number} lon  CGCS2000
 * @property {number} lat
 * @property {Area | null} street
 * @property {Area | null} community
 * @property {Area | null} grid
 * @property {{ chain?: Rung[] } | null} responsible
 */
/** @typedef {{ id: string, stage: string, duplicate: boolean, title: string | null, grid: Area | null, community: Area | null }} Receipt */
/** @typedef {{ code: string, label_zh: string, label_en: string }} ReportClass */

/**
 * @param {string} path
 * @param {unknown} [body]  sent as JSON; without one the request is a GET
 * @returns {Promise<any>}
 */
export async function askJson(path, body) {
  const how = body === undefined ? {} : { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) };
  const answer = await fetch(address(path), { ...how, cache: "no-store", signal: AbortSignal.timeout(PATIENCE_MS) });
  const document = await answer.json().catch(() => ({}));
  if (answer.ok) return document;
  throw new ServerError(answer.status, document.detail ?? answer.statusText);
}

/**
 * Whether an error is a missing or a broken line, or a server that cannot answer now: the same may be sent again.
 * @param {unknown} error
 */
export function isPassing(error) {
  return !(error instanceof ServerError) || error.status >= 500 || error.status === 429;
}

/** @param {Given | null} given */
const query = (given) => (given ? `lon=${given.lon}&lat=${given.lat}&crs=${encodeURIComponent(given.crs)}` : "");

/**
 * @param {Given} given
 * @returns {Promise<Located>}
 */
export const fetchLocated = (given) => askJson(`twin/locate?${query(given)}`);

/**
 * @param {Given | null} given
 * @returns {Promise<{ complete: boolean, features: Feature[] }>}
 */
export const fetchTasks = (given) => askJson(`twin/tasks?limit=100&${query(given)}`);

/**
 * Who answers for a task, from the grid worker to the district.
 * @param {string} id  of the event
 * @returns {Promise<{ chain: Rung[] }>}
 */
export const fetchChain = (id) => askJson(`twin/responsibility?layer=events&id=${encodeURIComponent(id)}`);

/** @returns {Promise<{ classes: ReportClass[] }>} */
export const fetchClasses = () => askJson("twin/reports");

/**
 * @param {string} id  of the event
 * @param {{ step: string, version: number, note?: string }} step
 * @returns {Promise<{ stage: string }>}
 */
export const sendStep = (id, step) => askJson(`twin/tasks/${encodeURIComponent(id)}/steps`, step);

/** @param {object} report  @returns {Promise<Receipt>} */
export const sendReport = (report) => askJson("twin/reports", report);

/**
 * @param {string} crs
 * @param {object[]} positions
 */
export const sendTrack = (crs, positions) => askJson("twin/patrol", { consent: true, crs, positions });
