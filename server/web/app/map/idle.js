// Whether the map shows all that it asked for: `data-idle` of its element says so, to players of time and to tests.

const LOOK_MS = 100;
/** @type {WeakMap<import("maplibre-gl").Map, number>} how much each map waits for that it does not know itself */
const held = new WeakMap();

/**
 * Until a promise is kept, the map does not show all that it should.
 * @param {import("maplibre-gl").Map} map
 * @param {Promise<unknown>} promise
 */
export function holdIdle(map, promise) {
  held.set(map, (held.get(map) ?? 0) + 1);
  map.getContainer().removeAttribute("data-idle");
  const free = () => {
    const left = (held.get(map) ?? 1) - 1;
    held.set(map, left);
    if (!left && !map._removed) map.triggerRepaint(); // it says that it is idle after drawing alone
  };
  void promise.then(free, free);
}

/**
 * Keep the attribute true while the map lives. MapLibre says that it is idle after drawing alone, and draws nothing when the
 * last tile it waits for comes back unchanged: so whoever drew without being idle looks again, and draws once more.
 * @param {import("maplibre-gl").Map} map
 * @param {HTMLElement} container
 * @param {() => boolean} isComplete  whether the map shows what it should; its tiles beside it
 */
export function tellIdle(map, container, isComplete) {
  const complete = () => !held.get(map) && isComplete() && map.areTilesLoaded();
  let due = 0;
  const look = () => {
    due = 0;
    if (container.hasAttribute("data-idle")) return;
    if (complete()) map.triggerRepaint();
    else due = window.setTimeout(look, LOOK_MS);
  };
  map.on("idle", () => complete() && container.setAttribute("data-idle", String(Date.now())));
  map.on("dataloading", () => container.removeAttribute("data-idle"));
  map.on("data", () => container.removeAttribute("data-idle"));
  map.on("render", () => {
    due ||= window.setTimeout(look, LOOK_MS);
  });
  map.once("remove", () => clearTimeout(due));
}

/**
 * The drawn map is outdated: it is idle again after the next drawing, even if nothing has to be drawn.
 * @param {import("maplibre-gl").Map} map
 */
export function unsettle(map) {
  map.getContainer().removeAttribute("data-idle");
  map.triggerRepaint();
}
