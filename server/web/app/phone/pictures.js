// Pictures of a report. They stay on this phone; what is sent is a reference by which each is known again.

import { html, useEffect, useState } from "../../vendor/preact.mjs";
import { t } from "../i18n.js";
import { newId } from "../state/outbox.js";
import { PhoneIcon } from "./classes.js";

/** @typedef {{ ref: string, blob: Blob }} Picture */

const PICTURES_MAX = 9;

/** @param {{ language: import("../types.js").Language, pictures: Picture[], onChange: (pictures: Picture[]) => void }} props */
export function Pictures({ language, pictures, onChange }) {
  const add = async (/** @type {any} */ event) => {
    const files = [.../** @type {HTMLInputElement} */ (event.currentTarget).files ?? []];
    event.currentTarget.value = "";
    const made = await Promise.all(files.map(async (blob) => ({ ref: await referenceOf(blob), blob })));
    onChange([...pictures, ...made].slice(0, PICTURES_MAX));
  };
  return html`<div class="pictures">
    <label class="second"><${PhoneIcon} name="camera" />${t(language, "phone.report.picture")}
      <input class="aside" type="file" accept="image/*" capture="environment" multiple onChange=${add} /></label>
    ${pictures.map((one) => html`<button key=${one.ref} class="picture" aria-label=${t(language, "phone.report.nopicture")}
      onClick=${() => onChange(pictures.filter((other) => other !== one))}><${Thumbnail} blob=${one.blob} /></button>`)}
    ${pictures.length > 0 && html`<small class="soft">${t(language, "phone.report.stays")}</small>`}
  </div>`;
}

/** @param {{ blob: Blob }} props */
export function Thumbnail({ blob }) {
  const [address, setAddress] = useState("");
  useEffect(() => {
    const made = URL.createObjectURL(blob);
    setAddress(made);
    return () => URL.revokeObjectURL(made);
  }, [blob]);
  return address ? html`<img src=${address} alt="" />` : null;
}

/**
 * The digest of a picture; where the browser computes none (without https), a random name.
 * @param {Blob} blob
 */
async function referenceOf(blob) {
  if (!crypto.subtle) return `photo:${newId()}`;
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", await blob.arrayBuffer()));
  return `photo:sha256-${[...digest].map((byte) => byte.toString(16).padStart(2, "0")).join("")}`;
}
