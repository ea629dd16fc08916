// The module that the server serves under this name comes from the npm package uplot.
export * from "uplot";
export { default } from "uplot";
