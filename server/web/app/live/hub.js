// One stream for all pages of a browser: keeps it while a page is awake, resumes it after a break, and hands out what comes.

import { Backlog } from "./backlog.js";
import { readStream } from "./stream.js";
import { redrawn } from "./versions.js";

/** @typedef {import("./backlog.js").News} News */
/** @typedef {{ state: "starting" | "live" | "lost" | "rest", since: number, heard: number }} Line  times in ms */
/** @typedef {{ kind: "news", news: News, seen: string } | { kind: "line", line: Line } | { kind: "reader" }} FromHub */
/** @typedef {{ kind: "hello", reader: string, awake: boolean, seen: string } | { kind: "reader", reader: string }
 *   | { kind: "wake" | "rest" | "here" | "bye" }} ToHub */
/** @typedef {(message: FromHub) => void} Post */
/** @typedef {{ post: Post, awake: boolean, waiting: Backlog, heard: number }} Page */

const AGAIN_MS = 2000;
const REST_AFTER_MS = 10_000; // from one tab to another is no rest
const GONE_MS = 100_000; // an open page says every half minute that it is there
const NOTHING = Object.freeze({ changes: [], redrawn: [], gap: false });

export class Hub {
  /** @type {Map<string, Page>} */
  #pages = new Map();
  /** @type {Line} */
  #line = { state: "starting", since: Date.now(), heard: Date.now() };
  /** @type {string | null} */
  #reader = null;
  #seen = "";
  #versions = new Map();
  #stopping = new AbortController();
  #runs = false;
  /** @type {() => void} */
  #hurry = () => {};

  /**
   * @param {string} id  of a page
   * @param {ToHub} message
   * @param {Post} post  to that page
   */
  hear(id, message, post) {
    if (message.kind === "bye") this.#pages.delete(id);
    else this.#note(id, message, post);
    if (message.kind === "hello" || message.kind === "reader") this.#serve(message.reader, id);
    if (this.#isWatched()) void this.#run();
    else setTimeout(() => this.#isWatched() || this.#stopping.abort(), REST_AFTER_MS);
  }

  /**
   * @param {string} id
   * @param {ToHub} message
   * @param {Post} post
   */
  #note(id, message, post) {
    const known = this.#pages.get(id);
    const page = known ?? { post, awake: true, waiting: new Backlog(), heard: 0 };
    this.#pages.set(id, page);
    page.heard = Date.now();
    if (message.kind === "hello") {
      page.awake = message.awake;
      this.#seen ||= message.seen; // of a hub that is gone
      if (message.seen && message.seen !== this.#seen) page.waiting.add({ ...NOTHING, gap: true });
      post({ kind: "line", line: this.#line });
    } else if (!known) page.waiting.add({ ...NOTHING, gap: true }); // it was thought gone
    if (message.kind === "wake" || message.kind === "rest") page.awake = message.kind === "wake";
    this.#deliver(page);
  }

  /**
   * The stream is that of who is logged in; it begins again for another.
   * @param {string} reader
   * @param {string} teller
   */
  #serve(reader, teller) {
    const before = this.#reader;
    this.#reader = reader;
    if (before === null || before === reader) return;
    this.#seen = "";
    for (const [id, page] of this.#pages) if (id !== teller) page.post({ kind: "reader" });
    this.#tell({ ...NOTHING, gap: true });
    this.#stopping.abort();
  }

  #isWatched() {
    const now = Date.now();
    for (const page of this.#pages.values()) page.awake &&= now - page.heard < GONE_MS;
    return [...this.#pages.values()].some((page) => page.awake);
  }

  async #run() {
    this.#hurry();
    if (this.#runs) return;
    this.#runs = true;
    while (this.#isWatched()) {
      this.#stopping = new AbortController();
      const ending = await this.#read(this.#stopping.signal);
      if (this.#stopping.signal.aborted) continue;
      const since = ending === "silent" ? this.#line.heard : Date.now();
      if (ending === "unauthorized") this.#tell({ ...NOTHING, gap: true }); // the session has ended: whoever asks next learns it
      if (this.#line.state !== "lost") this.#show({ state: "lost", since });
      await new Promise((resolve) => {
        this.#hurry = () => resolve(undefined);
        setTimeout(resolve, AGAIN_MS);
      });
    }
    this.#runs = false;
    this.#show({ state: "rest", since: Date.now() });
  }

  /** @param {AbortSignal} signal */
  async #read(signal) {
    const onSign = () => {
      this.#line.heard = Date.now();
      this.#isWatched() || this.#stopping.abort();
    };
    const onId = (/** @type {string} */ id) => void (this.#seen = id);
    const onEvent = (/** @type {string} */ name, /** @type {any} */ data) => {
      this.#line.heard = Date.now();
      if (this.#line.state !== "live") this.#show({ state: "live", since: Date.now() });
      if (name === "changes") this.#tell({ ...NOTHING, changes: data });
      else if (name === "tiles") this.#tell({ ...NOTHING, redrawn: redrawn(data, this.#versions) });
      else if (name === "notes") this.#tell({ ...NOTHING, changes: noteChanges(data) });
      else if (name === "resync") this.#tell({ ...NOTHING, gap: true });
    };
    try {
      return await readStream(this.#seen, signal, { onSign, onId, onEvent });
    } catch {
      return "ended"; // no answer, or a broken line: the state of the line tells it
    }
  }

  /** @param {Pick<Line, "state" | "since">} change */
  #show(change) {
    this.#line = { ...this.#line, ...change };
    for (const page of this.#pages.values()) page.post({ kind: "line", line: this.#line });
  }

  /** @param {News} news */
  #tell(news) {
    for (const page of this.#pages.values()) {
      page.waiting.add(news);
      this.#deliver(page);
    }
  }

  /** @param {Page} page */
  #deliver(page) {
    const news = page.awake ? page.waiting.take() : null;
    if (news) page.post({ kind: "news", news, seen: this.#seen });
  }
}

/**
 * What leaders wrote about, as changes of a layer of notes; notes that were removed are not named.
 * @param {{ layer: string, id: string }[]} about
 * @returns {import("./backlog.js").Change[]}
 */
function noteChanges(about) {
  const named = about.length ? about.map(({ layer, id }) => `${layer}/${id}`) : [""];
  return named.map((id) => ({ kind: "note", layer: "notes", id }));
}
