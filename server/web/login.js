// The page of the login: identity providers, local accounts, an access token, and the roles of a demo.

import { fetchSession, logOut } from "./app/account.js";
import { address } from "./app/api.js";
import { loadTexts, partIn, preferredLanguage, purposeTitle, rememberLanguage, t, titleOf } from "./app/i18n.js";
import { html, render, useState } from "./vendor/preact.mjs";

/** @typedef {import("./app/types.js").Account} Account */
/** @typedef {import("./app/types.js").Language} Language */
/** @typedef {{ name: string, title_zh: string, title_en: string }} Way */
/** @typedef {{ fault: string, parameter: string, detail: string }} Outcome  an empty fault when it worked */
/** @typedef {{ language: Language, ways: Way[], account: Account | null, demo: string[], purposes: string[], fault: string }} Shown */

const place = /** @type {HTMLElement} */ (document.getElementById("login"));
const next = place.dataset["next"] ?? "/";
const FAULTS = new Set(["state", "refused", "unknown", "away", "ended", "idle"]);
const FORBIDDEN = "403";
const CALM = new Set(["ended", "idle"]);

/** Go on to where the visitor was; the server has made sure that it is a path of ours. */
const goOn = () => location.assign(address(next.slice(1)));

/**
 * @param {string} path
 * @param {object} body
 * @param {Record<string, string>} [headers]
 * @returns {Promise<Outcome>}
 */
async function send(path, body, headers = {}) {
  const answer = await fetch(address(path), {
    method: "POST",
    headers: { "Content-Type": "application/json", ...headers },
    body: JSON.stringify(body),
    cache: "no-store",
  }).catch(() => null);
  if (answer?.ok) return { fault: "", parameter: "", detail: "" };
  const { parameter = "", detail = "" } = (await answer?.json().catch(() => ({}))) ?? {};
  return { fault: answer ? String(answer.status) : "away", parameter, detail };
}

/** @param {Shown} props */
function Login({ language, ways, account, demo, purposes, fault: first }) {
  const [purpose, setPurpose] = useState("");
  const [fault, setFault] = useState(first);
  const [reason, setReason] = useState(""); // the server's own sentence, where it says what to do
  const [busy, setBusy] = useState(false);
  const [more, setMore] = useState(/** @type {Set<string>} */ (new Set())); // fields that the server asks for
  /** @param {Promise<Outcome>} sending */
  const result = async (sending) => {
    setBusy(true);
    const { fault: found, parameter, detail } = await sending;
    if (!found) return goOn();
    setReason(found === FORBIDDEN ? detail : "");
    const asks = ["code", "new_password"].includes(parameter) && !more.has(parameter);
    setFault(asks ? parameter : found);
    if (asks) setMore(new Set([...more, parameter]));
    setBusy(false);
  };
  const submit = (/** @type {Event} */ event) => {
    event.preventDefault();
    const given = Object.fromEntries(new FormData(/** @type {HTMLFormElement} */ (event.currentTarget)));
    void result(send("login", Object.fromEntries(Object.entries({ ...given, purpose }).filter(([, value]) => value))));
  };
  const useToken = (/** @type {Event} */ event) => {
    event.preventDefault();
    const given = new FormData(/** @type {HTMLFormElement} */ (event.currentTarget));
    /** @type {Record<string, string>} */
    const stated = purpose ? { "X-Purpose": purpose } : {};
    void result(send("login/token", {}, { ...stated, Authorization: `Bearer ${String(given.get("token")).trim()}` }));
  };
  const w = (/** @type {string} */ key, /** @type {Record<string, string>} */ places = {}) => t(language, key, places);
  if (account) {
    const leave = async () => (await logOut()) || location.reload();
    return html`<section class="card">
      <h2>${w("login.already")}</h2>
      <p class="lead">${partIn(language, account.name)}</p>
      <div class="ways"><a class="way" href=${address(next.slice(1))}>${w("login.back")}</a><button class="primary" onClick=${leave}>${w("account.logout")}</button></div>
    </section>`;
  }
  return html`<section class="card">
      <h2>${w("login.title")}</h2>
      <p class="lead">${w("login.lead")}</p>
      ${fault && html`<p class=${`message ${CALM.has(fault) || more.has(fault) ? "calm" : ""}`} role="alert">${w(`login.fault.${fault}`)}${reason && html`<br />${reason}`}</p>`}
      ${purposes.length > 0 && html`<label class="purpose">${w("login.purpose")}<select id="purpose" value=${purpose} onChange=${(/** @type {Event} */ event) => setPurpose(/** @type {HTMLSelectElement} */ (event.currentTarget).value)}>
          <option value="">${w("login.purpose.none")}</option>
          ${purposes.map((one) => html`<option key=${one} value=${one}>${purposeTitle(language, one)}</option>`)}
        </select></label>`}
      ${ways.length > 0 && html`<div class="ways">${ways.map((way) => html`<a class="way" key=${way.name} href=${`login/oidc/${way.name}?next=${encodeURIComponent(next)}${purpose && `&purpose=${purpose}`}`}>${w("login.with", { provider: titleOf(language, way) })}</a>`)}</div>
        <div class="or">${w("login.or")}</div>`}
      <form id="local" onSubmit=${submit}>
        <label>${w("login.name")}<input name="name" autocomplete="username" autocapitalize="none" required maxlength="63" /></label>
        <label>${w("login.password")}<input name="password" type="password" autocomplete="current-password" required maxlength="1024" /></label>
        ${more.has("new_password") && html`<label>${w("login.new")}<input name="new_password" type="password" autocomplete="new-password" required maxlength="1024" /></label>`}
        <label hidden=${!more.has("code")}>${w("login.code")}<input name="code" inputmode="numeric" autocomplete="one-time-code" pattern="[0-9]{6}" maxlength="6" /></label>
        <button class="primary" disabled=${busy}>${w("login.enter")}</button>
      </form>
    </section>
    ${demo.length > 0 && html`<section class="card demo">
      <h3>${w("login.demo")}</h3>
      <p class="soft">${w("login.demo.why")}</p>
      <div class="roles">${demo.map((role) => html`<button key=${role} disabled=${busy} onClick=${() => result(send("login/demo", purpose ? { role, purpose } : { role }))}>${w(`role.${role}`)}</button>`)}</div>
    </section>`}
    <details class="card">
      <summary>${w("login.token.title")}</summary>
      <form id="token" onSubmit=${useToken}>
        <label>${w("login.token")}<input name="token" type="password" autocomplete="off" required maxlength="8192" /></label>
        <p class="soft">${w("login.token.hint")}</p>
        <button class="primary" disabled=${busy}>${w("login.enter")}</button>
      </form>
    </details>
    <a class="away" href=${address(next.slice(1))}>${w("login.without")}</a>`;
}

async function start() {
  const language = preferredLanguage();
  const ways = fetch(address("login/ways"), { cache: "no-store" }).then((answer) => (answer.ok ? answer.json() : []));
  const [{ account, demo = [], purposes = [] }, found] = await Promise.all([
    fetchSession().catch(() => ({ account: null, demo: [], purposes: [] })),
    ways.catch(() => []),
    loadTexts(),
  ]);
  const asked = new URLSearchParams(location.search).get("fault") ?? "";
  const fault = FAULTS.has(asked) ? asked : "";
  const button = /** @type {HTMLButtonElement} */ (document.getElementById("language"));
  const draw = (/** @type {Language} */ chosen) => {
    document.documentElement.lang = chosen;
    document.title = `${t(chosen, "login.title")} · ${t(chosen, "app.name")}`;
    button.textContent = t(chosen, "language.switch");
    render(html`<${Login} language=${chosen} ways=${found} account=${account} demo=${demo} purposes=${purposes} fault=${fault} />`, place);
  };
  button.addEventListener("click", () => {
    const other = document.documentElement.lang === "en" ? "zh-CN" : "en";
    rememberLanguage(other);
    draw(other);
  });
  draw(language);
}

await start();
