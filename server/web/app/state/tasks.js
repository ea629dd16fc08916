// The open tasks of who is logged in, read again every half minute while somebody looks.

import { signal } from "../../vendor/signals.mjs";
import { fetchTasks } from "../phone/requests.js";
import { place } from "./place.js";

/** @typedef {import("../types.js").Feature} Feature */
/** @typedef {{ status: "loading" | "ready" | "error", features: Feature[], complete: boolean, error: unknown, at: number }} TaskList */

const AGAIN_MS = 30_000;

/** @type {TaskList} */
const UNREAD = { status: "loading", features: [], complete: true, error: null, at: 0 };
/** @type {import("../../vendor/signals.mjs").Signal<TaskList>} */
export const tasks = signal(UNREAD);
/** The id of the task that is open, or empty. */
export const openTask = signal("");

/** Read the tasks; those that were read before stay when that fails, and are known to be old. */
export async function readTasks() {
  try {
    const { features, complete } = await fetchTasks(place.value);
    tasks.value = { status: "ready", features, complete, error: null, at: Date.now() };
  } catch (error) {
    tasks.value = { ...tasks.value, status: "error", error };
  }
}

/** @returns {() => void} stops */
export function keepTasks() {
  openTask.value = "";
  tasks.value = UNREAD; // nobody sees the tasks of whoever was here before
  const look = () => void (document.hidden || readTasks());
  const timer = setInterval(look, AGAIN_MS);
  document.addEventListener("visibilitychange", look);
  addEventListener("online", look);
  void readTasks();
  return () => {
    clearInterval(timer);
    document.removeEventListener("visibilitychange", look);
    removeEventListener("online", look);
  };
}

/** @param {Feature} task */
export const isOverdue = (task) => task.properties["overdue"] === true;
