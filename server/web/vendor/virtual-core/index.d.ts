// The module that the server serves under this name comes from the npm package @tanstack/virtual-core.
export * from "@tanstack/virtual-core";
