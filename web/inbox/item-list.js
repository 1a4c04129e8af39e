// The list of items, with one of them active: the tabulator reaches that one, arrows reach its neighbours.

import { make, set } from "./dom.js";
import { ItemView } from "./item-view.js";
import { neighbour } from "./keys.js";
import { SeenWatcher } from "./watcher.js";

/** @typedef {import("../inbox").InboxItem} InboxItem */

/** A feed (WAI-ARIA) of items. */
export class ItemList {
  element = make("div", { role: "feed", part: "list" });
  #listener;
  #watcher;
  /** @type {Map<string, ItemView>} */
  #views = new Map();
  /** @type {string[]} */
  #order = [];
  /** @type {string | null} */
  #active = null;

  /**
   * @param {HTMLElement} scrolled
   * @param {import("./item-view.js").ItemListener & { seen: (id: string) => void, wantMore: () => void }} listener
   */
  constructor(scrolled, listener) {
    this.#listener = listener;
    this.#watcher = new SeenWatcher(scrolled, listener.seen);
    this.element.addEventListener("focusin", (event) => this.#focused(event));
    this.element.addEventListener("keydown", (event) => this.#key(event));
  }

  /**
   * @param {InboxItem[]} items
   * @param {{ texts: import("./texts.js").Texts, isMarkdown: boolean, isWhole: boolean, isBusy: boolean }} showing
   */
  show(items, { texts, isMarkdown, isWhole, isBusy }) {
    const order = items.map((it) => it.id);
    const follower = this.#follower(order);
    this.#order = order;
    if (!this.#active || !order.includes(this.#active)) this.#active = follower ?? order[0] ?? null;
    this.#dropAllBut(new Set(order));
    items.forEach((item, at) => {
      const view = this.#view(item);
      if (this.element.children[at] !== view.element) {
        this.element.insertBefore(view.element, this.element.children[at] ?? null);
      }
      const of = isWhole ? items.length : -1;
      view.show(item, { texts, isMarkdown, isActive: item.id === this.#active, place: at + 1, of });
      this.#watcher.watch(view.element, item.id);
    });
    // A feed without articles is none.
    this.element.hidden = order.length === 0;
    set(this.element, "aria-busy", isBusy ? "true" : "false");
    set(this.element, "aria-label", texts.say("inbox"));
  }

  /** Says how long ago each came, as of now. */
  tick() {
    for (const view of this.#views.values()) view.tick();
  }

  /** Looks anew at which are seen. */
  look() {
    this.#watcher.again();
  }

  /** Puts the focus on the active item; says whether there is one. */
  focus() {
    const view = this.#active ? this.#views.get(this.#active) : undefined;
    view?.element.focus();
    return view !== undefined;
  }

  /**
   * Where the focus is: the item, and which of its stops; -1 is the item itself.
   * @param {Element | null} focused
   * @returns {{ id: string, at: number } | null}
   */
  placeOf(focused) {
    const view = this.#viewOf(focused);
    return view ? { id: view.item.id, at: view.stops.findIndex((stop) => stop === focused) } : null;
  }

  /**
   * Puts the focus back to where it was; says whether that is still there.
   * @param {{ id: string, at: number }} place
   */
  restore({ id, at }) {
    const view = this.#views.get(id);
    const stop = view && (view.stops[at] ?? view.element);
    stop?.focus();
    return stop !== undefined;
  }

  /**
   * The item that comes to where the active one was, once that is gone: the next that stays, else the one before.
   * @param {string[]} order
   */
  #follower(order) {
    const at = this.#active ? this.#order.indexOf(this.#active) : -1;
    if (at < 0) return null;
    const stays = (/** @type {string} */ id) => order.includes(id);
    return this.#order.slice(at).find(stays) ?? this.#order.slice(0, at).reverse().find(stays) ?? null;
  }

  /** @param {Set<string>} kept */
  #dropAllBut(kept) {
    for (const [id, view] of this.#views) {
      if (kept.has(id)) continue;
      this.#watcher.leave(view.element);
      view.element.remove();
      this.#views.delete(id);
    }
  }

  /** @param {InboxItem} item */
  #view(item) {
    const known = this.#views.get(item.id);
    if (known) return known;
    const view = new ItemView(item, this.#listener);
    this.#views.set(item.id, view);
    return view;
  }

  /** @param {Event} event */
  #focused(event) {
    const view = this.#viewOf(event.target);
    if (!view || view.item.id === this.#active) return;
    const before = this.#active ? this.#views.get(this.#active) : undefined;
    before?.activate(false);
    view.activate(true);
    this.#active = view.item.id;
  }

  /** @param {EventTarget | null} target */
  #viewOf(target) {
    const article = /** @type {HTMLElement | null} */ (target)?.closest("article");
    return article?.dataset.id ? this.#views.get(article.dataset.id) : undefined;
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    const view = this.#viewOf(event.target);
    if (!view || event.altKey || event.ctrlKey || event.metaKey) return;
    const at = this.#order.indexOf(view.item.id);
    const keys = { back: ["ArrowUp", "PageUp"], on: ["ArrowDown", "PageDown"] };
    const to = neighbour(event.key, this.#order, at, keys);
    const isOnItem = event.target === view.element;
    if (to) {
      if (at === this.#order.length - 1 && keys.on.includes(event.key)) this.#listener.wantMore();
      this.#views.get(to)?.element.focus();
    } else if (isOnItem && event.key === "Enter") this.#listener.opened(view.item, event);
    else if (isOnItem && event.key === "Delete") this.#listener.wanted(view.item, "remove");
    else return;
    event.preventDefault();
  }
}
