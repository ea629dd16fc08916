// The module that the server serves under this name comes from the npm package idb.
export * from "idb";
