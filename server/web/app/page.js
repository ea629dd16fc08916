// The page: one of its faces, by the link, the width and who is logged in.

import { html, useEffect, useState } from "../vendor/preact.mjs";
import { faceOf } from "./faces.js";
import { formatError, t } from "./i18n.js";

/** @typedef {import("./store.js").Store} Store */
/** @typedef {import("./types.js").State} State */
/** @typedef {{ store: Store, state: State, refresh: () => Promise<void>, logOut: () => void }} FaceProps */
/** @typedef {(props: FaceProps) => any} Face */

/** @type {Record<import("./faces.js").FaceName, () => Promise<{ default: Face }>>} each is read when it is first shown */
const FACES = {
  desk: () => import("./desk/desk.js"),
  board: () => import("./board/board.js"),
  phone: () => import("./phone/phone.js"),
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
 * @param {import("./faces.js").FaceName} name
 * @returns {{ face: Face | null, error: unknown }}
 */
function useFace(name) {
  const [loaded, setLoaded] = useState(/** @type {{ name: string, face: Face | null, error: unknown }} */ ({ name: "", face: null, error: null }));
  useEffect(() => {
    let current = true;
    const take = (/** @type {Face | null} */ face, /** @type {unknown} */ error = null) => current && setLoaded({ name, face, error });
    FACES[name]().then((module) => take(module.default), (error) => take(null, error));
    return () => {
      current = false;
    };
  }, [name]);
  return loaded.name === name ? loaded : { face: null, error: null };
}
