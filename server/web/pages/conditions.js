// The form over a list of features: writes a condition that was chosen as CQL2, and leaves empty fields out.

const form = /** @type {HTMLFormElement | null} */ (document.querySelector("form[data-conditions]"));
if (form) watch(form);

/** @param {HTMLFormElement} form */
function watch(form) {
  const field = /** @type {HTMLSelectElement} */ (form.querySelector("[data-field]"));
  const how = /** @type {HTMLSelectElement} */ (form.querySelector("[data-how]"));
  const value = /** @type {HTMLInputElement} */ (form.querySelector("[data-value]"));
  const text = /** @type {HTMLInputElement} */ (form.querySelector("[name=filter]"));
  const builder = /** @type {HTMLElement} */ (form.querySelector("[data-builder]"));
  builder.hidden = false;
  const write = () => {
    const kind = field.selectedOptions[0]?.dataset["type"] ?? "string";
    if (field.value && (value.value || how.value === "null")) text.value = condition(field.value, kind, how.value, value.value);
  };
  for (const input of [field, how, value]) input.addEventListener("input", write);
  form.addEventListener("formdata", (event) => {
    for (const [name, given] of [...event.formData]) if (given === "") event.formData.delete(name);
  });
}

/**
 * @param {string} name
 * @param {string} kind  the field's type in the schema
 * @param {string} how
 * @param {string} value
 * @returns {string} CQL2 text
 */
function condition(name, kind, how, value) {
  const property = `"${name}"`;
  if (how === "null") return `${property} IS NULL`;
  if (how === "like") return `CASEI(${property}) LIKE CASEI('%${quoted(value)}%')`;
  return `${property} ${how} ${literal(kind, value)}`;
}

/**
 * @param {string} kind
 * @param {string} value
 */
function literal(kind, value) {
  if (kind === "integer" || kind === "number") return value.trim();
  if (kind === "boolean") return /^(true|1|yes|\u662f)$/i.test(value.trim()) ? "TRUE" : "FALSE";
  if (kind === "date") return `DATE('${quoted(value)}')`;
  if (kind === "date-time") return `TIMESTAMP('${quoted(value)}')`;
  return `'${quoted(value)}'`;
}

/** @param {string} value */
function quoted(value) {
  return value.replaceAll("'", "''");
}

export {};
