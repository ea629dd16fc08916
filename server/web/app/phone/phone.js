// The face of a grid worker's phone: my grid, the map, a sheet from below, and four tabs. The list comes first, the map after it.

import { html, useEffect, useState } from "../../vendor/preact.mjs";
import { formatError, t } from "../i18n.js";
import { addSheet } from "../sheets.js";
import { hindrance, keepSending } from "../state/outbox.js";
import { keepPatrolling, patrolling, switchPatrol } from "../state/patrol.js";
import { locate, located, placeFault, watchPlace } from "../state/place.js";
import { isOverdue, keepTasks, tasks } from "../state/tasks.js";
import { PhoneIcon } from "./classes.js";
import { classes, rememberClasses } from "./codes.js";
import { waitingCount } from "./outbox.js";
import { fetchClasses } from "./requests.js";
import { Sheet } from "./sheet.js";
import { Tasks } from "./tasks.js";

/** @typedef {import("../page.js").FaceProps} FaceProps */
/** @typedef {import("../types.js").State} State */
/** @typedef {import("./sheet.js").Stop} Stop */
/** @typedef {"map" | "tasks" | "report" | "me"} TabName */

/** @type {readonly TabName[]} */
const TABS = ["map", "tasks", "report", "me"];
/** @type {Record<TabName, Stop>} */
const STOP_OF = { map: "peek", tasks: "half", report: "full", me: "full" };
const STANDS_MS = 1500; // after the tasks came
const SLOW = ["slow-2g", "2g", "3g"];

/** Whether the line is too slow for a map that nobody has asked for. */
function isSlow() {
  const line = /** @type {any} */ (navigator).connection;
  return Boolean(line?.saveData) || SLOW.includes(line?.effectiveType);
}

/** @param {FaceProps} props */
export default function Phone({ store, state, refresh, logOut }) {
  const { language, account } = state;
  const [tab, setTab] = useState(/** @type {TabName} */ ("tasks"));
  const [stop, setStop] = useState(/** @type {Stop} */ (isSlow() ? "full" : "half")); // no map, no room for it
  const map = useMap(refresh, tab === "map");
  const forms = useForms(tab === "report" || tab === "me" || !account);
  const go = (/** @type {TabName} */ next) => {
    setTab(next);
    setStop(STOP_OF[next]);
  };
  useEffect(() => {
    if (!state.webgl && tab === "map") setStop("half"); // there is only the list
  }, [state.webgl, tab]);
  const clicked = tab === "map" && state.hits.length > 0 && map.panel !== null;
  useEffect(() => {
    if (clicked) setStop("half");
  }, [clicked, state.hits]);
  const me = forms.Me ? html`<${forms.Me} store=${store} state=${state} logOut=${logOut} />` : html`<${Waiting} language=${language} ...${forms} />`;
  const report = forms.Report && account ? html`<${forms.Report} state=${state} />` : me;
  const sheetLabel = t(language, `phone.tab.${tab}`);
  useWork(account?.id ?? "");
  useEffect(() => void addSheet("css/phone.css"), []);
  return html`<div class=${`phone on-${tab}`}>
    <${Head} state=${state} />
    <main class="phone-stage">
      ${map.face && state.map && state.style && state.webgl
        ? html`<${map.face} store=${store} state=${state} refresh=${refresh} onTask=${() => go("tasks")} />`
        : html`<div class="no-map">${tab === "map" && html`<p role="status">${t(language, state.webgl ? "phone.map.waiting" : "state.nowebgl")}
            ${map.error ? html`<button class="primary" onClick=${map.again}>${t(language, "state.retry")}</button>` : ""}</p>`}</div>`}
      <${Sheet} language=${language} stop=${stop} onStop=${setStop} label=${sheetLabel}>
        ${clicked && html`<${map.panel} store=${store} state=${state} onFeature=${() => {}} />`}
        ${(tab === "map" || tab === "tasks") && !clicked && (account ? html`<${Tasks} state=${state} />` : me)}
        ${tab === "report" && report}
        ${tab === "me" && me}
      <//>
    </main>
    <nav class="phone-tabs" aria-label=${t(language, "phone.tabs")}>
      ${TABS.map((name) => html`<button key=${name} data-tab=${name} aria-current=${name === tab ? "page" : undefined} onClick=${() => go(name)}>
        <${PhoneIcon} name=${name} /><span>${t(language, `phone.tab.${name}`)}</span><${Badge} language=${language} name=${name} /></button>`)}
    </nav>
  </div>`;
}

/** A form that is on its way, or did not come. @param {{ language: import("../types.js").Language, error: unknown, again: () => void }} props */
function Waiting({ language, error, again }) {
  if (!error) return html`<p role="status">${t(language, "panel.loading")}</p>`;
  return html`<p role="alert">${formatError(language, error)} <button class="primary" onClick=${again}>${t(language, "state.retry")}</button></p>`;
}

/** @param {{ language: import("../types.js").Language, name: TabName }} props */
function Badge({ language, name }) {
  const overdue = tasks.value.features.filter(isOverdue).length;
  const n = name === "tasks" ? overdue : name === "report" ? waitingCount() : 0;
  return n > 0 && html`<b class="tab-badge" aria-label=${t(language, `phone.badge.${name}`, { n })}>${n}</b>`;
}

/** @param {{ state: State }} props */
function Head({ state: { language } }) {
  const grid = located.value?.grid;
  const cut = tasks.value.status === "error" || hindrance.value === "line";
  const where = grid ? (grid.name ?? grid.code) : t(language, placeFault.value || "phone.grid.waiting");
  return html`<header class="phone-head">
    <h1><small>${t(language, "phone.grid")}</small><span class=${`grid-name ${grid ? "" : "unknown"}`}>${where}</span></h1>
    ${patrolling.value && html`<span class="walking">${t(language, "phone.patrol.short")}</span>`}
    <span class=${`line ${cut ? "cut" : "live"}`} role="status">${t(language, cut ? "phone.line.cut" : "phone.line.live")}</span>
  </header>`;
}

/** What goes on while the phone's face is shown: the place, the tasks, the outbox, the patrol. @param {string} account */
function useWork(account) {
  useEffect(watchPlace, []);
  useEffect(() => {
    located.value = null; // what is told of a place depends on who asks
    void locate();
    if (!account) return undefined;
    const stops = [keepTasks(), keepSending(account), keepPatrolling()];
    if (!classes.value.length) fetchClasses().then((form) => rememberClasses(form.classes), () => {}); // the form says that they are missing
    return () => {
      switchPatrol(false); // consent is of whom it was asked
      stops.forEach((end) => end());
    };
  }, [account]);
}

/**
 * The map's face; read after the tasks, on a slow line when somebody asks for it.
 * @param {() => Promise<void>} refresh
 * @param {boolean} wanted
 */
function useMap(refresh, wanted) {
  const [loaded, setLoaded] = useState(/** @type {{ face: any, panel: any, error: unknown }} */ ({ face: null, panel: null, error: null }));
  const [asked, setAsked] = useState(0);
  const due = wanted || (tasks.value.status === "ready" && !isSlow());
  useEffect(() => {
    if (!due || loaded.face) return;
    Promise.all([import("./mapface.js"), refresh()]).then(
      ([module]) => setLoaded({ face: module.default, panel: module.FeaturePanel, error: null }),
      (error) => setLoaded({ face: null, panel: null, error }),
    );
  }, [due, asked]);
  return { ...loaded, again: () => setAsked(asked + 1) };
}

/**
 * The forms that the first view does not show; read once it stands, so that they are there when the line breaks.
 * @param {boolean} wanted
 */
function useForms(wanted) {
  const [forms, setForms] = useState(/** @type {{ Me: any, Report: any, error: unknown }} */ ({ Me: null, Report: null, error: null }));
  const [asked, setAsked] = useState(0);
  const due = wanted || tasks.value.status !== "loading";
  useEffect(() => {
    if (!due || forms.Me) return undefined;
    const read = () =>
      Promise.all([import("./me.js"), import("./report.js")]).then(
        ([{ Me }, { Report }]) => {
          setForms({ Me, Report, error: null });
          void import("./offline.js").then(({ keepPage }) => keepPage(), () => {});
        },
        (error) => setForms({ Me: null, Report: null, error }),
      );
    const timer = setTimeout(read, wanted ? 0 : STANDS_MS);
    return () => clearTimeout(timer);
  }, [due, wanted, asked]);
  return { ...forms, again: () => setAsked(asked + 1) };
}
