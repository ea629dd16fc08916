// Who is logged in, in the bar of the OGC pages and of the documentation; the page's element says the language.

import { fetchSession, logOut, watchIdle } from "./app/account.js";
import { loadTexts } from "./app/i18n.js";
import { AccountMenu } from "./app/panels/account.js";
import { html, render } from "./vendor/preact.mjs";

const place = document.getElementById("account");
if (place) await show(place);

/** @param {HTMLElement} element */
async function show(element) {
  const language = document.documentElement.lang === "en" ? "en" : "zh-CN";
  const [session] = await Promise.all([fetchSession().catch(() => ({ account: null })), loadTexts()]);
  const leave = async (mayLeave = true) => {
    if (!(await logOut(mayLeave))) location.reload(); // what stands here may be more than the public sees
  };
  if (session.account) watchIdle(session.account.idle_s, () => void leave(false));
  render(html`<${AccountMenu} language=${language} account=${session.account} onLogOut=${() => leave()} />`, element);
}
