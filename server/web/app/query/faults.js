// What is wrong with an area that the server refuses, in the reader's language.

import { formatError, t } from "../i18n.js";

/**
 * @param {import("../types.js").Language} language
 * @param {unknown} error
 * @returns {string}
 */
export function faultText(language, error) {
  const { status, message = "" } = /** @type {{ status?: number, message?: string }} */ (error);
  if (status === 400 && /not valid|self-intersection/i.test(message)) return t(language, "query.crossing");
  if (status === 413 || (status === 400 && /at most [\d,]+ (vertices|characters|bytes)/i.test(message))) return t(language, "query.large", { detail: message });
  return formatError(language, error);
}
