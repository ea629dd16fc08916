// The worker that all tabs of a browser share: it holds their one stream.

import { Hub } from "./hub.js";

const hub = new Hub();
let count = 0;

self.addEventListener("connect", (event) => {
  const [port] = /** @type {MessageEvent} */ (event).ports;
  if (!port) return;
  const id = String(count++);
  port.addEventListener("message", ({ data }) => hub.hear(id, data, (message) => port.postMessage(message)));
  port.addEventListener("close", () => hub.hear(id, { kind: "bye" }, () => {})); // browsers that tell it
  port.start();
});
