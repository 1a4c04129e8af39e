// The panel: heading, lists to choose from, the items, and what was done last.

import { iconButton, label, make, say, set } from "./dom.js";
import { ItemList } from "./item-list.js";
import { neighbour } from "./keys.js";
import { SnoozeMenu } from "./menu.js";
import { Toast } from "./toast.js";

/**
 * @typedef {import("../inbox").InboxItem} InboxItem
 * @typedef {import("../inbox").InboxFilter} InboxFilter
 *
 * @typedef {object} PanelListener
 * @property {(filter: InboxFilter) => void} chosen
 * @property {() => void} allRead
 * @property {() => void} closed
 * @property {() => void} wantMore
 * @property {() => void} retried
 */

/** @type {InboxFilter[]} */
const FILTERS = ["all", "unread", "snoozed", "archived"];

/** The panel of an inbox. */
export class Panel {
  toast = new Toast();
  menu = new SnoozeMenu();
  #listener;
  #heading = make("h2", { id: "heading", part: "title" });
  #all;
  #close;
  #tabs;
  #scroll = make("div", { class: "scroll", part: "scroll", role: "tabpanel", id: "list" });
  #note = make("p", { class: "note", part: "note" });
  #more;
  #moreSeen;
  /** @type {import("./texts.js").Texts | null} */
  #texts = null;

  /**
   * @param {PanelListener} listener
   * @param {import("./item-view.js").ItemListener & { seen: (id: string) => void }} items
   */
  constructor(listener, items) {
    this.#listener = listener;
    this.#all = iconButton("all", "mark-all", listener.allRead);
    this.#close = iconButton("close", "close", listener.closed);
    this.#more = make("button", { type: "button", class: "more quiet-button", part: "more", click: listener.wantMore });
    this.#moreSeen = new IntersectionObserver(
      (entries) => entries.some((it) => it.isIntersecting) && listener.wantMore(),
      { root: this.#scroll, rootMargin: "200px" },
    );
    this.#moreSeen.observe(this.#more);
    this.list = new ItemList(this.#scroll, { ...items, wantMore: listener.wantMore });
    this.#scroll.append(this.list.element, this.#note, this.#more);
    this.#tabs = FILTERS.map((filter) => this.#tab(filter));
    this.filters = make("div", { class: "filters", part: "filters", role: "tablist" }, ...this.#tabs);
    this.filters.addEventListener("keydown", (event) => this.#key(event));
    this.element = make(
      "div",
      { class: "panel", part: "panel", role: "dialog", "aria-labelledby": "heading" },
      make("header", { part: "header" }, this.#heading, this.#all, this.#close),
      this.filters,
      this.#scroll,
      this.toast.element,
    );
  }

  /** Stands in the page, without a bell: it cannot be closed. */
  stand() {
    set(this.element, "role", "region");
    this.#close.hidden = true;
  }

  /** @param {import("./texts.js").Texts} texts */
  name(texts) {
    this.#texts = texts;
    say(this.#heading, texts.say("inbox"));
    label(this.#all, texts.say("mark_all"));
    label(this.#close, texts.say("close"));
    set(this.filters, "aria-label", texts.say("filters"));
    this.#tabs.forEach((tab, at) => say(tab, texts.say(FILTERS[at])));
    say(this.#more, texts.say("more"));
    this.toast.name(texts);
  }

  /**
   * @param {import("./store.js").InboxStore} store
   * @param {boolean} isMarkdown
   */
  show(store, isMarkdown) {
    const texts = this.#texts;
    if (!texts) return;
    const { items, state, next, filter } = store;
    const isBusy = state === "loading";
    this.list.show(items, { texts, isMarkdown, isWhole: next === null, isBusy });
    this.#tabs.forEach((tab, at) => {
      const isChosen = FILTERS[at] === filter;
      set(tab, "aria-selected", isChosen ? "true" : "false");
      set(tab, "tabindex", isChosen ? null : -1);
      if (isChosen) set(this.#scroll, "aria-labelledby", tab.id);
    });
    this.#all.hidden = filter === "archived" || filter === "snoozed" || items.length === 0;
    this.#more.hidden = next === null;
    this.#remark(items.length, state, filter, texts);
  }

  /** Shows nobody's items. */
  clear() {
    if (this.#texts) this.list.show([], { texts: this.#texts, isMarkdown: false, isWhole: true, isBusy: false });
    this.#more.hidden = true;
    this.menu.close();
    this.toast.clear();
  }

  /**
   * What stands where there are no items, or where they could not be read.
   * @param {number} count
   * @param {string} state
   * @param {InboxFilter} filter
   * @param {import("./texts.js").Texts} texts
   */
  #remark(count, state, filter, texts) {
    const isFailed = state === "failed";
    this.#note.hidden = count > 0 && !isFailed;
    const empty = filter === "all" ? "empty" : `empty_${filter}`;
    const words = texts.say(isFailed ? "failed" : state === "ready" ? empty : "loading");
    const retry = { type: "button", class: "quiet-button", part: "retry", click: this.#listener.retried };
    const key = `${state} ${words}`;
    if (this.#note.dataset.says === key) return;
    this.#note.dataset.says = key;
    const again = isFailed ? [make("br"), make("button", retry, texts.say("retry"))] : [];
    this.#note.replaceChildren(words, ...again);
  }

  /** Puts the focus where somebody begins to read. */
  focus() {
    if (!this.list.focus()) this.#tabs.find((tab) => tab.tabIndex === 0)?.focus();
  }

  /** @param {InboxFilter} filter */
  #tab(filter) {
    const click = () => this.#listener.chosen(filter);
    const attributes = { type: "button", role: "tab", part: "filter", "aria-controls": "list" };
    return make("button", { ...attributes, id: `tab-${filter}`, click });
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    const at = this.#tabs.indexOf(/** @type {HTMLButtonElement} */ (event.target));
    const next = neighbour(event.key, this.#tabs, at, { back: ["ArrowLeft"], on: ["ArrowRight"], wraps: true });
    if (next) {
      next.focus();
      next.click();
    } else if (event.key === "ArrowDown") this.list.focus();
    else return;
    event.preventDefault();
  }
}
