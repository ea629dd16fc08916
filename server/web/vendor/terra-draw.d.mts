// The module that the server serves under this name comes from the npm package terra-draw.
export * from "terra-draw";
