// Keeps a part of a page fresh: asks for the page again every few seconds while it is seen, and puts the new part in the
// place of the old one. When the line is broken the part stays, looks stale, and says since when.

import { replacePart } from "./part.js";

const part = /** @type {HTMLElement | null} */ (document.querySelector("[data-refresh]"));
if (part) follow(part);

/** @param {HTMLElement} part */
function follow(part) {
  const every = Number(part.dataset["refresh"]) * 1000;
  const told = document.getElementById("freshness");
  let last = new Date();
  const tell = (/** @type {string} */ key) => {
    const time = last.toLocaleTimeString(document.documentElement.lang, { hour12: false, timeZone: part.dataset["zone"] });
    if (told) told.textContent = (told.dataset[key] ?? "").replace("{time}", time);
    part.classList.toggle("stale", key === "lost");
  };
  const again = async () => {
    if (!document.hidden) {
      try {
        await replacePart(part);
        last = new Date();
        tell("fresh");
      } catch (error) {
        console.warn(error); // the page says it
        tell("lost");
      }
    }
    setTimeout(() => void again(), every);
  };
  tell("fresh");
  setTimeout(() => void again(), every);
}
