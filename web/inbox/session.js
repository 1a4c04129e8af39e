// One person's inbox for as long as it is shown: what is known of it, and the stream that keeps that up to date.

import { InboxStore } from "./store.js";
import { InboxStream } from "./stream.js";

/** Milliseconds in which the stream tells the counts; else they are asked for: somebody between holds it back. */
const COUNTS_WITHIN = 5_000;

/** Store and stream of one person. */
export class InboxSession {
  #stream;
  #isCounted = false;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #late;

  /**
   * @param {import("./client.js").InboxClient} client
   * @param {import("./store.js").StoreListener & { isOpen: () => boolean }} listener
   */
  constructor(client, listener) {
    const store = new InboxStore(client, {
      ...listener,
      counted: (counts) => {
        this.#isCounted = true;
        listener.counted(counts);
      },
    });
    this.store = store;
    this.#stream = new InboxStream(client, {
      frame: (frame) => store.take(frame),
      opened: (isNew) => {
        const isWanted = listener.isOpen() || store.state !== "unread";
        if (isWanted && (isNew || store.state === "failed")) void store.load();
      },
      failed: (error) => {
        listener.failed(error);
        if (listener.isOpen() && store.state === "unread") void store.load();
      },
    });
  }

  /** Begins. */
  start() {
    this.#stream.start();
    this.#late = setTimeout(() => this.#isCounted || void this.store.count(), COUNTS_WITHIN);
  }

  /** Ends it for good. */
  end() {
    clearTimeout(this.#late);
    this.#stream.stop();
    this.store.close();
  }

  /** Tries at once what it waits to try. */
  wake() {
    this.#stream.wake();
  }

  /**
   * Does something with an item; says whether it is done. The stream tells the counts that come of it; without one
   * they are asked for.
   * @param {import("./store.js").InboxItem} item
   * @param {import("./deeds.js").Deed} deed
   * @param {boolean} [outlives]
   * @returns {Promise<boolean>}
   */
  async act(item, deed, outlives) {
    const isDone = await this.store.act(item, deed, outlives);
    if (isDone && !this.#stream.isOpen && !outlives) void this.store.count();
    return isDone;
  }
}
