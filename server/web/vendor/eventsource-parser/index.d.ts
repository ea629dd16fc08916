// The module that the server serves under this name comes from the npm package eventsource-parser.
export * from "eventsource-parser";
