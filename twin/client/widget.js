// The browser's half of the map widget. Whatever has the scheme onemap: is asked of the kernel.

const SOURCE = "onemap-selection";
const COLOR = "#d7263d";

/** Load MapLibre once a page: a second copy would not know the first one's protocol. */
function library(model) {
  globalThis.onemapLibrary ??= (async () => {
    const url = (text) => URL.createObjectURL(new Blob([text], { type: "text/javascript" }));
    const maplibre = await import(/* @vite-ignore */ url(model.get("library")));
    maplibre.setWorkerUrl(url(model.get("worker")));
    const sheet = document.createElement("style");
    sheet.textContent = model.get("look");
    document.head.append(sheet);
    return maplibre;
  })();
  return globalThis.onemapLibrary;
}

/** Requests to the kernel, by number. */
function kernel(model) {
  const waiting = new Map();
  let last = 0;
  model.on("msg:custom", (message, buffers) => {
    const request = waiting.get(message.number);
    if (!request) return;
    waiting.delete(message.number);
    if (message.kind === "failed") request.reject(new Error(message.detail));
    else request.resolve(bytes(buffers[0]));
  });
  return (path) =>
    new Promise((resolve, reject) => {
      last += 1;
      waiting.set(last, { resolve, reject });
      model.send({ kind: "fetch", number: last, path });
    });
}

const bytes = (view) => view.buffer.slice(view.byteOffset, view.byteOffset + view.byteLength);

/** A map that is asked for in two cells asks through the model that was drawn last; both speak to one server. */
function useKernel(maplibre, ask) {
  maplibre.addProtocol("onemap", async (request) => {
    const data = await ask(request.url);
    if (request.type === "json") return { data: JSON.parse(new TextDecoder().decode(data)) };
    if (request.type === "string") return { data: new TextDecoder().decode(data) };
    return { data };
  });
}

function addSelection(map, features) {
  map.addSource(SOURCE, { type: "geojson", data: features, promoteId: "id" });
  const layer = (id, type, kind, paint) =>
    map.addLayer({ id: `${SOURCE}-${id}`, source: SOURCE, type, filter: ["==", ["geometry-type"], kind], paint });
  const color = ["coalesce", ["get", "_color"], COLOR];
  layer("area", "fill", "Polygon", { "fill-color": color, "fill-opacity": 0.35 });
  layer("edge", "line", "Polygon", { "line-color": color, "line-width": 1 });
  layer("line", "line", "LineString", { "line-color": color, "line-width": 3 });
  layer("point", "circle", "Point", {
    "circle-color": color,
    "circle-radius": 5,
    "circle-stroke-color": "#fff",
    "circle-stroke-width": 1,
  });
}

function showProperties(maplibre, map, model) {
  map.on("click", (event) => {
    const layers = map.getStyle().layers.filter((one) => one.source === SOURCE).map((one) => one.id);
    const [feature] = map.queryRenderedFeatures(event.point, { layers });
    if (!feature) return;
    model.set("clicked", { id: feature.id, properties: feature.properties });
    model.save_changes();
    const table = document.createElement("table");
    for (const [name, value] of Object.entries(feature.properties)) {
      if (name.startsWith("_") || value === null) continue;
      const row = table.insertRow();
      row.insertCell().textContent = name;
      row.insertCell().textContent = String(value);
    }
    new maplibre.Popup({ maxWidth: "320px" }).setLngLat(event.lngLat).setDOMContent(table).addTo(map);
  });
}

/** Changes to the drawn features: those of an id take the place of what it was. */
function applyChanges(map, message) {
  const source = map.getSource(SOURCE);
  if (!source) return;
  source.updateData({ remove: message.removed, add: message.features });
}

async function render({ model, el }) {
  const place = document.createElement("div");
  place.className = "onemap-map";
  place.style.cssText = `height: ${model.get("height_px")}px; width: 100%`;
  el.append(place);
  const maplibre = await library(model);
  useKernel(maplibre, kernel(model));
  const bounds = model.get("bounds");
  const map = new maplibre.Map({
    container: place,
    style: JSON.parse(model.get("style_json")),
    attributionControl: { compact: true },
    ...(bounds ? { bounds, fitBoundsOptions: { padding: 24 } } : {}),
  });
  map.addControl(new maplibre.NavigationControl({ showCompass: false }));
  map.addControl(new maplibre.ScaleControl());
  map.on("load", () => {
    addSelection(map, model.get("features"));
    map.once("idle", () => {
      place.dataset.ready = "true"; // what was chosen is drawn, so that it can be clicked
    });
  });
  model.on("change:features", () => map.getSource(SOURCE)?.setData(model.get("features")));
  model.on("msg:custom", (message) => message.kind === "changed" && applyChanges(map, message));
  showProperties(maplibre, map, model);
  return () => map.remove();
}

export default { render };
