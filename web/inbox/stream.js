// The stream of a person's inbox: kept open, taken up where it broke off, left while nobody looks.

import { FrameReader } from "./frames.js";

/** Milliseconds of the first wait, and of the longest. */
const FIRST = 1_000;
const LONGEST = 30_000;
/** Milliseconds of silence after which a stream is dead: its heart beats every 15 s. */
const SILENCE = 45_000;
/** Milliseconds that a hidden page keeps its stream: a browser has few connections for a site. */
const HIDDEN = 60_000;

/**
 * How long to wait before coming again: twice as long each time, and anything up to that, so that not all come at
 * once.
 * @param {number} failures
 * @param {number} first milliseconds
 * @param {number} [dice] 0 to 1
 * @returns {number} milliseconds
 */
export function backOff(failures, first, dice = Math.random()) {
  const most = Math.min(LONGEST, first * 2 ** Math.min(failures, 10));
  return Math.round(most / 2 + (most / 2) * dice);
}

/**
 * What a stream tells of.
 * @typedef {object} StreamListener
 * @property {(frame: import("./frames.js").Frame) => void} frame
 * @property {(isNew: boolean) => void} opened whether it begins anew: what came before is not told
 * @property {(error: unknown) => void} failed
 */

/** Reads the stream for as long as it is wanted. */
export class InboxStream {
  #client;
  #listener;
  /** @type {string | null} */
  #last = null;
  #failures = 0;
  #first = FIRST;
  /** @type {AbortController | null} */
  #connection = null;
  /** @type {(() => void) | null} */
  #wake = null;
  #isWanted = false;
  /** Whether it tells. */
  isOpen = false;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #hiding;
  #onVisible = () => this.#visibilityChanged();
  #onOnline = () => this.wake();

  /**
   * @param {import("./client.js").InboxClient} client
   * @param {StreamListener} listener
   */
  constructor(client, listener) {
    this.#client = client;
    this.#listener = listener;
  }

  /** Begins. */
  start() {
    if (this.#isWanted) return;
    this.#isWanted = true;
    document.addEventListener("visibilitychange", this.#onVisible);
    addEventListener("online", this.#onOnline);
    void this.#run();
  }

  /** Ends it for good. */
  stop() {
    this.#isWanted = false;
    document.removeEventListener("visibilitychange", this.#onVisible);
    removeEventListener("online", this.#onOnline);
    clearTimeout(this.#hiding);
    this.#connection?.abort();
    this.#wake?.();
  }

  /** Tries at once what it waits to try. */
  wake() {
    this.#wake?.();
  }

  async #run() {
    while (this.#isWanted) {
      if (this.#isAway()) {
        await this.#pause(null);
        continue;
      }
      let wait = null;
      try {
        await this.#connect();
      } catch (error) {
        if (!this.#isWanted) return;
        if (!this.#connection?.signal.aborted) {
          this.#listener.failed(error);
          wait = /** @type {{ wait?: number }} */ (error)?.wait ?? null;
        }
      }
      if (!this.#isWanted || this.#isAway()) continue;
      await this.#pause(Math.max(wait ?? 0, backOff(this.#failures, this.#first)));
      this.#failures += 1;
    }
  }

  /** One connection, until it ends. */
  async #connect() {
    const connection = new AbortController();
    this.#connection = connection;
    /** @type {Record<string, string>} */
    const headers = { accept: "text/event-stream" };
    if (this.#last !== null) headers["last-event-id"] = this.#last;
    let silence = setTimeout(() => connection.abort(), SILENCE);
    try {
      const call = { headers, signal: connection.signal, isStream: true };
      const answer = await this.#client.answer("GET", "v1/inbox/stream", call);
      if (!answer.body) return;
      this.isOpen = true;
      this.#listener.opened(this.#last === null);
      const frames = new FrameReader();
      const reader = answer.body.getReader();
      for (;;) {
        const { done, value } = await reader.read();
        if (done) return;
        clearTimeout(silence);
        silence = setTimeout(() => connection.abort(), SILENCE);
        for (const frame of frames.read(value)) this.#take(frame);
        if (frames.retry !== null) this.#first = Math.min(Math.max(frames.retry, 100), LONGEST);
      }
    } finally {
      this.isOpen = false;
      clearTimeout(silence);
    }
  }

  /** @param {import("./frames.js").Frame} frame */
  #take(frame) {
    this.#failures = 0;
    if (frame.id !== null) this.#last = frame.id;
    this.#listener.frame(frame);
  }

  /**
   * Waits; a page that is looked at again, or a network that is back, ends it.
   * @param {number | null} time milliseconds; `null` until then
   */
  async #pause(time) {
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    let timer;
    await new Promise((/** @type {(value?: unknown) => void} */ resolve) => {
      this.#wake = () => resolve();
      if (time !== null) timer = setTimeout(resolve, time);
    });
    clearTimeout(timer);
    this.#wake = null;
  }

  #isAway() {
    return document.hidden && this.#hiding === undefined;
  }

  #visibilityChanged() {
    clearTimeout(this.#hiding);
    this.#hiding = undefined;
    if (!document.hidden) {
      this.#wake?.();
      return;
    }
    this.#hiding = setTimeout(() => {
      this.#hiding = undefined;
      this.#connection?.abort();
      this.#wake?.();
    }, HIDDEN);
  }
}
