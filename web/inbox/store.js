// What is known of a person's inbox: the items of the chosen list, the counts, and what becomes of them.

import * as deeds from "./deeds.js";
import { isAhead } from "./times.js";

/**
 * @typedef {import("../inbox").InboxItem} InboxItem
 * @typedef {import("../inbox").InboxCounts} InboxCounts
 * @typedef {import("../inbox").InboxFilter} InboxFilter
 */

/** Items of a page. */
const PAGE = 20;

/**
 * What a store tells.
 * @typedef {object} StoreListener
 * @property {() => void} changed
 * @property {(item: InboxItem) => void} arrived
 * @property {(counts: InboxCounts) => void} counted
 * @property {(error: unknown) => void} failed
 */

/** Keeps a list as Herald has it. A list is read when it is first shown, and kept up to date from then on. */
export class InboxStore {
  /** @type {InboxFilter} */
  filter = "all";
  /** @type {string[]} */
  tags = [];
  /** @type {InboxCounts} */
  counts = { unseen: 0, unread: 0 };
  /** @type {"unread" | "loading" | "ready" | "failed"} what is known of the list */
  state = "unread";
  /** @type {string | null} where the next page begins */
  next = null;
  #client;
  #listener;
  /** @type {Map<string, InboxItem>} */
  #items = new Map();
  /** @type {AbortController | null} */
  #reading = null;
  /** What the stream told while a page was read: the page may be older. @type {(() => void)[]} */
  #meanwhile = [];
  /** How each item was left by the last deed, and that deed's call. @type {Map<string, [InboxItem, Promise<unknown>]>} */
  #acted = new Map();

  /**
   * @param {import("./client.js").InboxClient} client
   * @param {StoreListener} listener
   */
  constructor(client, listener) {
    this.#client = client;
    this.#listener = listener;
  }

  /** The items of the list, the newest first. */
  get items() {
    return [...this.#items.values()].sort(newestFirst);
  }

  /** @param {string} id */
  item(id) {
    return this.#items.get(id);
  }

  /** Ends what is under way. */
  close() {
    this.#reading?.abort();
  }

  /**
   * Shows another list.
   * @param {InboxFilter} filter
   * @param {string[]} tags
   */
  choose(filter, tags) {
    this.filter = filter;
    this.tags = tags;
    this.next = null;
    this.#items.clear();
    if (this.state !== "unread") void this.load();
  }

  /** Reads the list from its beginning; what is shown stays until then. */
  async load() {
    await this.#read(null);
  }

  /** Reads the next page. */
  async more() {
    if (this.state !== "loading" && this.next !== null) await this.#read(this.next);
  }

  /** @param {string | null} after */
  async #read(after) {
    this.#reading?.abort();
    const reading = new AbortController();
    this.#reading = reading;
    const wanted = { filter: this.filter, tags: this.tags, after, limit: PAGE };
    this.state = "loading";
    this.#meanwhile = [];
    this.#listener.changed();
    try {
      const page = await this.#client.page(wanted, reading.signal);
      if (reading.signal.aborted) return;
      if (after === null) this.#items.clear();
      for (const item of page.data) this.#items.set(item.id, item);
      this.next = page.next;
      this.state = "ready";
      for (const again of this.#meanwhile.splice(0)) again();
    } catch (error) {
      if (reading.signal.aborted) return;
      this.state = "failed";
      this.#listener.failed(error);
    }
    this.#listener.changed();
  }

  /** Reads the counts. */
  async count() {
    try {
      this.#count(await this.#client.counts());
    } catch (error) {
      this.#listener.failed(error);
    }
  }

  /** @param {InboxCounts} counts */
  #count(counts) {
    this.counts = counts;
    this.#listener.counted(counts);
  }

  /**
   * Does something with an item: at once here, then at Herald, in the order of the deeds; what Herald refuses is as
   * it was, unless something else was done with it since.
   * @param {InboxItem} item
   * @param {deeds.Deed} deed
   * @param {boolean} [outlives]
   * @returns {Promise<boolean>} whether it is done
   */
  async act(item, deed, outlives) {
    const before = this.#items.get(item.id) ?? item;
    const after = deeds.done(before, deed);
    this.#put(after);
    const ask = () => deeds.ask(this.#client, item.id, deed, outlives);
    const earlier = this.#acted.get(item.id)?.[1];
    // What goes on when the page is left cannot wait.
    const call = outlives || !earlier ? ask() : earlier.then(ask, ask);
    this.#acted.set(item.id, [after, call]);
    try {
      await call;
      return true;
    } catch (error) {
      if (this.#acted.get(item.id)?.[0] === after) this.#put(before);
      this.#listener.failed(error);
      return false;
    }
  }

  /**
   * Marks everything of the list that came until now, and nothing that comes meanwhile.
   * @param {"read" | "archive"} what
   * @returns {Promise<InboxItem[] | null>} those of the list that it changed, as they are now; `null` when nothing is done
   */
  async actOnAll(what) {
    const newest = this.items[0];
    if (!newest) return null;
    const query = { until: newest.delivered_at, tag: this.tags };
    try {
      await this.#client.json("POST", `v1/inbox/${what}-all`, { query });
    } catch (error) {
      this.#listener.failed(error);
      return null;
    }
    const isMeant = (/** @type {InboxItem} */ item) =>
      newestFirst(newest, item) <= 0 && !(what === "read" ? item.read_at : item.archived_at);
    const changed = this.items.filter(isMeant).map((item) => deeds.done(item, { name: what }));
    for (const item of changed) this.#put(item);
    return changed;
  }

  /**
   * Takes what the stream tells.
   * @param {import("./frames.js").Frame} frame
   */
  take(frame) {
    const said = JSON.parse(frame.data);
    switch (frame.event) {
      case "counts":
        this.#count(said);
        break;
      case "item":
        this.#arrive(said);
        break;
      case "state":
        this.#hear(said);
        break;
      case "reset":
        if (this.state !== "unread") void this.load();
        void this.count();
        break;
    }
  }

  /** Takes away what has expired. */
  expire() {
    for (const item of this.items) if (item.expires_at && !isAhead(item.expires_at)) this.#put(item);
  }

  /** @param {InboxItem} item */
  #arrive(item) {
    const isNew = !this.#items.has(item.id);
    this.#hear(item);
    if (isNew && !item.read_at) this.#listener.arrived(item);
  }

  /** @param {InboxItem} item */
  #hear(item) {
    if (this.state === "loading") this.#meanwhile.push(() => this.#put(item));
    this.#put(item);
  }

  /** @param {Partial<InboxItem>} said */
  #mayBelong(said) {
    if (said.deleted_at) return false;
    const isSnoozed = isAhead(said.snoozed_until);
    if (isSnoozed || this.filter === "snoozed") return isSnoozed && this.filter === "snoozed";
    return Boolean(said.archived_at) === (this.filter === "archived");
  }

  /** @param {InboxItem} item */
  #put(item) {
    if (this.state === "unread") return;
    const isKnown = this.#items.has(item.id);
    if (this.#belongs(item, isKnown)) this.#items.set(item.id, item);
    else this.#items.delete(item.id);
    this.#listener.changed();
  }

  /**
   * Whether an item is of the list. What is read in the list of what is unread stays where it is until the list is
   * read anew: it would vanish under the finger.
   * @param {InboxItem} item
   * @param {boolean} isKnown
   */
  #belongs(item, isKnown) {
    if (!this.#mayBelong(item) || (item.expires_at && !isAhead(item.expires_at))) return false;
    if (this.tags.length > 0 && !this.tags.some((tag) => item.tags.includes(tag))) return false;
    if (isKnown) return true;
    if (this.filter === "unread" && item.read_at) return false;
    // What is older than the last that was read comes with its page.
    const last = this.items.at(-1);
    return this.next === null || last === undefined || newestFirst(item, last) < 0;
  }
}

/** @param {InboxItem} one @param {InboxItem} other */
function newestFirst(one, other) {
  const [a, b] = [sortable(one.delivered_at), sortable(other.delivered_at)];
  if (a !== b) return a < b ? 1 : -1;
  return one.id < other.id ? 1 : -1;
}

/**
 * A moment whose order is that of its letters: RFC 3339 in UTC has any number of digits behind the second.
 * @param {string} moment
 */
function sortable(moment) {
  const [whole, rest = ""] = moment.replace(/Z$/, "").split(".");
  return `${whole}.${rest.padEnd(9, "0")}`;
}
