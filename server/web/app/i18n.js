// Texts of the page in both languages, from text/*.json, and the formatting of values.

/** @typedef {import("./types.js").Language} Language */
/** @typedef {import("./types.js").Field} Field */
/** @typedef {import("./types.js").Code} Code */

const STORED = "onemap.language";
const BOTH = /^(.*[\u3000-\u9fff\uff00-\uffef])\s+([A-Za-z].*)$/s;
/** @type {Record<Language, Record<string, string>>} */
const texts = { "zh-CN": {}, en: {} };

/** @returns {Language} */
export function preferredLanguage() {
  const requested = new URLSearchParams(location.search).get("lang") ?? localStorage.getItem(STORED) ?? "zh-CN";
  return requested.startsWith("en") ? "en" : "zh-CN";
}

/** @param {Language} language */
export function rememberLanguage(language) {
  localStorage.setItem(STORED, language);
}

/**
 * Read the texts of languages, of both by default; what is known is not read again.
 * @param {Language[]} [languages]
 */
export async function loadTexts(languages = ["zh-CN", "en"]) {
  const unread = languages.filter((language) => !Object.keys(texts[language]).length);
  await Promise.all(
    unread.map(async (language) => {
      const answer = await fetch(new URL(`../text/${language}.json`, import.meta.url));
      texts[language] = await answer.json();
    }),
  );
}

/**
 * @param {Language} language
 * @param {string} key
 * @param {Record<string, string | number>} [places]
 */
export function t(language, key, places = {}) {
  const text = texts[language][key] ?? key;
  return text.replace(/\{(\w+)\}/g, (whole, name) => String(places[name] ?? whole));
}

/**
 * The title of a purpose of the policy; a district's own has its name.
 * @param {Language} language
 * @param {string} purpose
 */
export function purposeTitle(language, purpose) {
  return texts[language][`purpose.${purpose}`] ?? purpose;
}

/**
 * The texts of MapLibre's controls: our keys that begin with "map.".
 * @param {Language} language
 */
export function mapTexts(language) {
  const entries = Object.entries(texts[language]).filter(([key]) => key.startsWith("map."));
  return Object.fromEntries(entries.map(([key, text]) => [key.slice(4), text]));
}

/**
 * The title of an object that has one in both languages.
 * @param {Language} language
 * @param {Record<string, any>} thing
 * @param {string} [stem]
 * @returns {string}
 */
export function titleOf(language, thing, stem = "title") {
  const [first, second] = language === "en" ? ["en", "zh"] : ["zh", "en"];
  return thing[`${stem}_${first}`] || thing[`${stem}_${second}`] || thing["id"] || "";
}

/**
 * The part of a text in a language, where somebody wrote both, Chinese first, as in the names of the demo's accounts.
 * @param {Language} language
 * @param {string} text
 */
export function partIn(language, text) {
  const [, chinese, english] = BOTH.exec(text) ?? [];
  return (language === "en" ? english : chinese) ?? text;
}

/**
 * A post of a roster as people call it; empty where the roster has a code alone.
 * @param {string | null | undefined} post
 */
export function spokenPost(post) {
  return post && !/^[\w-]+$/.test(post) ? post : "";
}

/**
 * @param {Language} language
 * @param {number} number
 */
export function formatNumber(language, number) {
  return new Intl.NumberFormat(language, { maximumFractionDigits: 6 }).format(number);
}

/**
 * A value as text; null when there is nothing to show.
 * @param {Language} language
 * @param {Field} field
 * @param {any} value
 * @param {Record<string, Code[]>} codes
 * @returns {string | null}
 */
export function formatValue(language, field, value, codes) {
  if (value === null || value === undefined || value === "") return null;
  if (Array.isArray(value)) {
    return value.map((one) => formatValue(language, field, one, codes)).filter(Boolean).join("、") || null;
  }
  const code = field.codes && codes[field.codes]?.find((one) => one.code === String(value));
  if (code) return titleOf(language, code, "label");
  if (typeof value === "boolean") return t(language, value ? "value.yes" : "value.no");
  if (typeof value === "object") return structured(language, value);
  if (field.type === "datetime") return formatTime(language, value);
  if (typeof value !== "number") return String(value);
  if (/_code$|year|version/.test(field.name)) return String(value);
  if (field.unit === "m2" && value >= 1e6) return `${formatNumber(language, Number((value / 1e6).toPrecision(4)))} km²`;
  return formatNumber(language, value) + unitOf(language, field.unit);
}

/**
 * A geometry in words, for nobody reads hundreds of numbers; other objects as JSON.
 * @param {Language} language
 * @param {any} value
 */
function structured(language, value) {
  if (!Array.isArray(value.coordinates)) return JSON.stringify(value);
  const kind = String(value.type).replace("Multi", "");
  return t(language, "value.geometry", { kind: t(language, `geometry.${kind}`), n: value.coordinates.flat(4).length / 2 });
}

/**
 * An error in words of the reader: what kind it is in his language, and what the server said, in English.
 * @param {Language} language
 * @param {unknown} error
 * @returns {string}
 */
export function formatError(language, error) {
  const { status, message } = /** @type {{ status?: number, message: string }} */ (error);
  if (status === undefined) return error instanceof TypeError ? t(language, "error.network") : message; // fetch's own
  const known = texts[language][`error.${status}`];
  if (!known) return message;
  return language === "en" ? message : `${known} (${message})`;
}

/**
 * A time of this district's clocks.
 * @param {Language} language
 * @param {string} value  RFC 3339
 */
export function formatTime(language, value) {
  const time = new Date(value);
  if (Number.isNaN(time.getTime())) return value;
  return new Intl.DateTimeFormat(language, { dateStyle: "medium", timeStyle: "short", timeZone: "Asia/Shanghai" }).format(time);
}

/**
 * The time of day with seconds, on this district's clocks.
 * @param {Language} language
 * @param {number} time  milliseconds
 */
export function formatClock(language, time) {
  return new Intl.DateTimeFormat(language, { hour: "2-digit", minute: "2-digit", second: "2-digit", hour12: false, timeZone: "Asia/Shanghai" }).format(time);
}

/** @type {readonly [string, number][]} units and the seconds that are counted in them at most */
const DURATIONS = [["second", 120], ["minute", 7200], ["hour", 172_800], ["day", Infinity]];
/** @type {Record<string, number>} */
const SECONDS = { second: 1, minute: 60, hour: 3600, day: 86_400 };

/**
 * How long something lasts, in the unit that suits it.
 * @param {Language} language
 * @param {number} seconds
 */
export function formatDuration(language, seconds) {
  const [unit] = /** @type {[string, number]} */ (DURATIONS.find(([, most]) => seconds < most));
  const unitDisplay = language === "en" ? "long" : "short";
  return new Intl.NumberFormat(language, { style: "unit", unit, unitDisplay }).format(Math.max(0, Math.floor(seconds / (SECONDS[unit] ?? 1))));
}

/** @type {Record<string, string>} */
const UNITS = { deg: "°", Cel: " ℃", "%": "%", "1": "" };

/**
 * A UCUM unit as text: m2 as m², {person} as the word for people.
 * @param {Language} language
 * @param {string | null} unit
 */
function unitOf(language, unit) {
  if (!unit) return "";
  const counted = /^\{(\w+)\}$/.exec(unit);
  if (counted) {
    const word = t(language, `unit.${counted[1]}`);
    return word.startsWith("unit.") ? "" : ` ${word}`;
  }
  return UNITS[unit] ?? ` ${unit.replace(/2/g, "²").replace(/3/g, "³")}`;
}
