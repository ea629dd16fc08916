// The module that the server serves under this name comes from the npm package minisearch.
export * from "minisearch";
export { default } from "minisearch";
