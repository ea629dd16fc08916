// One picture for each moment: while the map goes to another one it draws nothing, so that no frame is spent on a half of it.

/** @typedef {import("maplibre-gl").Map} MapLibre */

const MOST_MS = 600; // what comes later than that is drawn as it comes
const LOOK_MS = 15; // a tile that comes back unchanged tells nobody

/** @type {WeakMap<MapLibre, Curtain>} */
const curtains = new WeakMap();

/** Stands between a map and its frames. */
class Curtain {
  #map;
  #waits = 0;
  #looking = 0;
  #until = 0;

  /** @param {MapLibre} map */
  constructor(map) {
    this.#map = map;
    map.on("movestart", () => this.#open()); // who moves the map sees it move
    map.once("remove", () => clearTimeout(this.#looking));
  }

  /** @param {Promise<unknown>} promise */
  close(promise) {
    if (!this.#looking && !this.#map.isMoving()) this.#close();
    this.#waits += 1;
    const free = () => void (this.#waits -= 1);
    void promise.then(free, free);
  }

  #close() {
    this.#map.triggerRepaint = () => {};
    this.#until = performance.now() + MOST_MS;
    this.#look();
  }

  #look() {
    const isComplete = this.#looking && !this.#waits && this.#map.areTilesLoaded();
    if (isComplete || performance.now() > this.#until) this.#open();
    else this.#looking = window.setTimeout(() => this.#look(), LOOK_MS);
  }

  #open() {
    if (!this.#looking) return;
    clearTimeout(this.#looking);
    this.#looking = 0;
    Reflect.deleteProperty(this.#map, "triggerRepaint"); // that of the library is below it
    this.#map.triggerRepaint();
  }
}

/**
 * Draw nothing until a promise is kept and what was asked for has come, but not for long, and not while somebody moves the map.
 * @param {MapLibre} map
 * @param {Promise<unknown>} promise
 */
export function holdFrames(map, promise) {
  const curtain = curtains.get(map) ?? new Curtain(map);
  curtains.set(map, curtain);
  curtain.close(promise);
}
