// Taking the rows of an area home, as a file. Where the server asks for an approval, its number is asked for here.

import { html, useState } from "../../vendor/preact.mjs";
import { formatNumber, t } from "../i18n.js";
import { faultText } from "./faults.js";
import { FILES, readFile } from "./read.js";
import { save } from "./save.js";

/** @typedef {import("../types.js").State} State */
/** @typedef {import("../types.js").Layer} Layer */
/** @typedef {{ status: "idle" | "busy" } | { status: "saved", rows: number | null, matched: number | null } | { status: "refused", error: any }} Progress */

/** @param {{ state: State, layer: Layer, filter: string }} props */
export function Download({ state, layer, filter }) {
  const { language } = state;
  const [form, setForm] = useState("csv");
  const [approval, setApproval] = useState("");
  const [progress, setProgress] = useState(/** @type {Progress} */ ({ status: "idle" }));
  const take = async (/** @type {Event} */ event) => {
    event.preventDefault();
    setProgress({ status: "busy" });
    try {
      const { blob, rows, matched } = await readFile(layer.id, filter, form, approval.trim());
      save(blob, `${layer.id}_${new Date().toISOString().slice(0, 16).replace(/\D/g, "")}.${FILES[form]?.ending}`);
      setProgress({ status: "saved", rows, matched });
    } catch (error) {
      setProgress({ status: "refused", error });
    }
  };
  const refused = progress.status === "refused" ? progress.error : null;
  const needsApproval = refused?.status === 403 && /approval/i.test(refused.message); // OGC's errors name no parameter
  return html`<form class="download" onSubmit=${take}>
    <select aria-label=${t(language, "download.form")} onChange=${(/** @type {Event} */ event) => setForm(/** @type {HTMLSelectElement} */ (event.target).value)}>
      <option value="csv" selected=${form === "csv"}>CSV</option><option value="xlsx" selected=${form === "xlsx"}>XLSX</option>
      <option value="geojson" selected=${form === "geojson"}>GeoJSON</option><option value="parquet" selected=${form === "parquet"}>GeoParquet</option>
    </select>
    ${(needsApproval || approval) && html`<label class="field">${t(language, "download.approval")}
      <input value=${approval} maxlength="64" onInput=${(/** @type {Event} */ event) => setApproval(/** @type {HTMLInputElement} */ (event.target).value)} /></label>`}
    <button class="small" type="submit" disabled=${progress.status === "busy"}>${t(language, progress.status === "busy" ? "download.busy" : "download.take")}</button>
    ${progress.status === "saved" && html`<span class="soft" role="status">${savedText(language, progress)}</span>`}
    ${refused && html`<span class="wrong" role="alert">${needsApproval ? `${t(language, "download.needs")} ` : ""}${faultText(language, refused)}</span>`}
  </form>`;
}

/**
 * @param {import("../types.js").Language} language
 * @param {{ rows: number | null, matched: number | null }} saved
 */
function savedText(language, { rows, matched }) {
  if (rows !== null && matched !== null && rows < matched) return t(language, "download.part", { n: formatNumber(language, rows), all: formatNumber(language, matched) });
  return t(language, "download.saved");
}
