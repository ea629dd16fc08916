// The module that the server serves under this name comes from the npm package @preact/signals.
export * from "@preact/signals";
