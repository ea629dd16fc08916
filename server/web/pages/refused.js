// Acts on messages in quarantine: shows one whole when it is opened, takes it again as it is or put right, or discards it.

const list = /** @type {HTMLElement | null} */ (document.getElementById("refused"));
if (list) for (const one of /** @type {NodeListOf<HTMLDetailsElement>} */ (list.querySelectorAll("[data-id]"))) watch(list, one);

/**
 * @param {HTMLElement} list
 * @param {HTMLDetailsElement} one
 */
function watch(list, one) {
  const address = `${list.dataset["root"]}/twin/refused/${one.dataset["id"]}`;
  const text = /** @type {HTMLTextAreaElement} */ (one.querySelector("textarea"));
  const told = /** @type {HTMLOutputElement} */ (one.querySelector("output"));
  let whole = "";
  one.addEventListener("toggle", async () => {
    if (!one.open || whole) return;
    try {
      whole = (await (await ask(address)).json()).message;
      text.value = whole;
    } catch (error) {
      tell(told, error);
    }
  });
  for (const button of /** @type {NodeListOf<HTMLButtonElement>} */ (one.querySelectorAll("[data-act]"))) {
    button.addEventListener("click", () => void act(list, one, button.dataset["act"] ?? "", text.value === whole ? "" : text.value));
  }
}

/**
 * @param {HTMLElement} list
 * @param {HTMLDetailsElement} one
 * @param {string} what
 * @param {string} corrected  empty takes the message as it is
 */
async function act(list, one, what, corrected) {
  const told = /** @type {HTMLOutputElement} */ (one.querySelector("output"));
  if (what === "discard" && !confirm(list.dataset["sure"])) return;
  const buttons = /** @type {NodeListOf<HTMLButtonElement>} */ (one.querySelectorAll("button"));
  for (const button of buttons) button.disabled = true;
  try {
    const body = what === "replay" && corrected ? corrected : null;
    await ask(`${list.dataset["root"]}/twin/refused/${one.dataset["id"]}/${what}`, { method: "POST", body });
    told.className = "";
    told.value = list.dataset[what === "replay" ? "taken" : "discarded"] ?? "";
    one.classList.add("done");
  } catch (error) {
    tell(told, error);
    for (const button of buttons) button.disabled = false;
  }
}

/**
 * @param {HTMLOutputElement} told
 * @param {unknown} error
 */
function tell(told, error) {
  told.className = "wrong";
  told.value = error instanceof Error ? error.message : String(error);
}

/**
 * @param {string} address
 * @param {RequestInit} [how]
 * @returns {Promise<Response>}
 */
async function ask(address, how) {
  const answer = await fetch(address, { cache: "no-store", ...how });
  if (answer.ok) return answer;
  const said = await answer.json().catch(() => ({}));
  throw new Error(said.detail ?? `${answer.status} ${answer.statusText}`);
}

export {};
