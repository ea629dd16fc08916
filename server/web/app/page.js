// The page: one of its faces, by the link, the width and who is logged in.

import { html, useEffect, useState } from "../vendor/preact.mjs";
import { faceOf } from "./faces.js";
import { formatError, t } from "./i18n.js";
import Desk from "./desk/desk.js";

/** @typedef {import("./store.js").Store} Store */
/** @typedef {import("./types.js").State} State */
/** @typedef {{ store: Store, state: State, refresh: () => Promise<void>, logOut: () => void }} FaceProps */
/** @typedef {(props: FaceProps) => any} Face */

/** @type {Record<string, () => Promise<{ default: Face }>>} faces beside the desk, read when they are first shown */
const OTHERS = {
  board: () => import("./board/board.js"),
};

/** @param {{ store: Store, refresh: () => Promise<void>, logOut: () => void }} props */
export function Page({ store, refresh, logOut }) {
  const [state, setState] = useState(store.get());
  useEffect(() => {
    setState(store.get()); // the state may have changed since the first rendering
    return store.subscribe((next) => setState(next));
  }, []);
  useEffect(() => {
    document.documentElement.dataset["theme"] = state.theme;
  }, [state.theme]);
  useEffect(() => {
    document.documentElement.lang = state.language;
    document.title = t(state.language, "app.name");
  }, [state.language]);
  const { face: Face, error } = useFace(faceOf(state));
  if (error) return html`<p class="notice center" role="alert">${t(state.language, "state.error", { detail: formatError(state.language, error) })}</p>`;
  return Face && html`<${Face} store=${store} state=${state} refresh=${refresh} logOut=${logOut} />`;
}

/**
 * The component of a face; null until it has been read.
 * @param {string} name
 * @returns {{ face: Face | null, error: unknown }}
 */
function useFace(name) {
  const [loaded, setLoaded] = useState(/** @type {{ name: string, face: Face | null, error: unknown }} */ ({ name: "desk", face: Desk, error: null }));
  useEffect(() => {
    let current = true;
    const load = OTHERS[name] ?? (async () => ({ default: Desk }));
    const take = (/** @type {Face | null} */ face, /** @type {unknown} */ error = null) => current && setLoaded({ name, face, error });
    load().then((module) => take(module.default), (error) => take(null, error));
    return () => {
      current = false;
    };
  }, [name]);
  return loaded.name === name ? loaded : { face: null, error: null };
}
