// The module that the server serves under this name comes from the npm package terra-draw-maplibre-gl-adapter.
export * from "terra-draw-maplibre-gl-adapter";
