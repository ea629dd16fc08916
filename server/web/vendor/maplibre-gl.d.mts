// The module that the server serves under this name comes from the npm package of the same name.
export * from "maplibre-gl";
