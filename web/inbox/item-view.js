// One item of the list. It is made once and changed in place, so that the focus stays where it is.

import { icon, iconButton, label, make, say, set } from "./dom.js";
import { lead, link } from "./links.js";
import { plain, rendered } from "./markdown.js";
import { ago, exact, isAhead, soon } from "./times.js";

/**
 * @typedef {import("../inbox").InboxItem} InboxItem
 *
 * @typedef {object} ItemListener
 * @property {(item: InboxItem, event: MouseEvent | KeyboardEvent | null) => void} opened
 * @property {(item: InboxItem, action: import("../inbox").InboxAction) => void} pressed
 * @property {(item: InboxItem, name: ItemDeed) => void} wanted
 * @property {(item: InboxItem, button: HTMLElement) => void} snoozing
 *
 * @typedef {"read" | "unread" | "archive" | "unarchive" | "remove" | "unsnooze"} ItemDeed
 *
 * @typedef {object} Showing
 * @property {import("./texts.js").Texts} texts
 * @property {boolean} isMarkdown
 * @property {boolean} isActive whether it is the one that the tabulator reaches
 * @property {number} place from 1
 * @property {number} of how many there are; -1 where that is not known
 */

/** Characters and lines from which a text is long. */
const LONG = 500;
const LINES = 7;

let count = 0;

/** An item as it is shown. */
export class ItemView {
  /** @type {InboxItem} */
  item;
  #listener;
  #parts;
  /** @type {string | null} */
  #shown = null;
  /** @type {Showing | null} */
  #showing = null;
  #isCut = true;

  /** @param {InboxItem} item @param {ItemListener} listener */
  constructor(item, listener) {
    this.item = item;
    this.#listener = listener;
    const id = `item-${(count += 1)}`;
    const parts = {
      title: make("div", { class: "heading", id: `${id}-title`, dir: "auto" }),
      state: make("span", { class: "unseen-text", id: `${id}-state` }),
      time: make("time", { part: "item-time" }),
      body: make("div", { dir: "auto", class: "body", part: "item-body", id: `${id}-body` }),
      whole: make("button", { type: "button", class: "whole", part: "whole", click: () => this.#cut(!this.#isCut) }),
      tags: make("ul", { class: "tags", part: "tags", role: "list" }),
      actions: make("div", { class: "actions", part: "actions" }),
      read: iconButton("read", "item-button", () => this.#want(this.item.read_at ? "unread" : "read")),
      archive: iconButton("archive", "item-button", () => this.#want(this.item.archived_at ? "unarchive" : "archive")),
      snooze: iconButton("snooze", "item-button", (event) => {
        if (isAhead(this.item.snoozed_until)) this.#want("unsnooze");
        else listener.snoozing(this.item, /** @type {HTMLElement} */ (event.currentTarget));
      }),
      remove: iconButton("remove", "item-button", () => this.#want("remove")),
    };
    this.#parts = parts;
    this.element = make(
      "article",
      { class: "item", part: "item", "aria-labelledby": `${id}-state ${id}-title`, "aria-describedby": `${id}-body` },
      make("div", { class: "top" }, parts.state, parts.title, parts.time),
      parts.body,
      parts.whole,
      parts.tags,
      parts.actions,
      make("div", { class: "deeds", part: "deeds" }, parts.read, parts.archive, parts.snooze, parts.remove),
    );
  }

  /** @param {ItemDeed} name */
  #want(name) {
    this.#listener.wanted(this.item, name);
  }

  /** What can be focused within it, in order. */
  get stops() {
    return /** @type {HTMLElement[]} */ ([...this.element.querySelectorAll("a[href], button")]);
  }

  /** @param {InboxItem} item @param {Showing} showing */
  show(item, showing) {
    const isOther = showing.texts !== this.#showing?.texts || showing.isMarkdown !== this.#showing?.isMarkdown;
    this.item = item;
    this.#showing = showing;
    const content = JSON.stringify([item.title, item.body, item.url, item.tags, item.actions]);
    if (isOther || content !== this.#shown) this.#content(item, showing);
    this.#shown = content;
    this.#state(item, showing);
    this.tick();
    this.activate(showing.isActive);
    set(this.element, "aria-posinset", showing.place);
    set(this.element, "aria-setsize", showing.of);
  }

  /** Says how long ago it came, as of now. */
  tick() {
    if (!this.#showing) return;
    const { language } = this.#showing.texts;
    const { snoozed_until: until, delivered_at: since } = this.item;
    const moment = new Date(until && isAhead(until) ? until : since);
    say(this.#parts.time, isAhead(until) ? soon(moment, language) : ago(moment, language));
    set(this.#parts.time, "datetime", moment.toISOString());
    set(this.#parts.time, "title", exact(moment, language));
  }

  /**
   * Lets the tabulator reach it, or not.
   * @param {boolean} isActive
   */
  activate(isActive) {
    set(this.element, "tabindex", isActive ? 0 : -1);
    for (const stop of this.stops) set(stop, "tabindex", isActive ? null : -1);
  }

  /** @param {InboxItem} item @param {Showing} showing */
  #content(item, { texts, isMarkdown }) {
    const { body, tags, actions } = this.#parts;
    this.#title(item.title || texts.say("untitled"), link(item.url));
    const text = item.body ?? "";
    body.replaceChildren(isMarkdown ? rendered(text) : plain(text));
    this.#cut(this.#isCut);
    tags.replaceChildren(...item.tags.map((tag) => make("li", { part: "tag" }, tag)));
    tags.hidden = item.tags.length === 0;
    const known = new Map(this.#buttons().map((button) => [button.dataset.action, button]));
    actions.replaceChildren(...item.actions.map((action) => this.#action(action, known.get(action.id), texts)));
    actions.hidden = item.actions.length === 0;
  }

  /**
   * Shows the beginning of a long text, or all of it.
   * @param {boolean} isCut
   */
  #cut(isCut) {
    const { body, whole } = this.#parts;
    const text = this.item.body ?? "";
    const isLong = text.length > LONG || text.split("\n").length > LINES;
    this.#isCut = isCut;
    set(body, "data-cut", isLong && isCut);
    whole.hidden = !isLong;
    set(whole, "aria-expanded", isCut ? "false" : "true");
    say(whole, this.#showing?.texts.say(isCut ? "show_all" : "show_less") ?? "");
  }

  /**
   * The title leads to the item's address; without one it is a button.
   * @param {string} words
   * @param {URL | null} url
   */
  #title(words, url) {
    const slot = this.#parts.title;
    const known = slot.firstElementChild;
    const click = (/** @type {MouseEvent} */ event) => this.#listener.opened(this.item, event);
    const attributes = { class: "title", part: "item-title", click };
    const leads = known instanceof HTMLAnchorElement ? known.href : null;
    if (known?.textContent === words && leads === (url?.href ?? null)) return;
    const title = url ? make("a", attributes, words) : make("button", { type: "button", ...attributes }, words);
    if (url) lead(/** @type {HTMLAnchorElement} */ (title), url);
    slot.replaceChildren(title);
  }

  #buttons() {
    return [...this.#parts.actions.querySelectorAll("button")];
  }

  /**
   * @param {import("../inbox").InboxAction} action
   * @param {HTMLButtonElement | undefined} known
   * @param {import("./texts.js").Texts} texts
   */
  #action(action, known, texts) {
    const press = () => {
      const now = this.item.actions.find((it) => it.id === action.id);
      if (now && !now.done_at) this.#listener.pressed(this.item, now);
    };
    const button = known ?? make("button", { type: "button", part: "action", click: press });
    button.dataset.action = action.id;
    button.className = action.primary ? "solid" : "quiet-button";
    const isDone = Boolean(action.done_at);
    // It keeps the focus, which a disabled one would lose.
    set(button, "aria-disabled", isDone ? "true" : null);
    say(button, isDone ? `${action.label} (${texts.say("done")})` : action.label);
    return button;
  }

  /** @param {InboxItem} item @param {Showing} showing */
  #state(item, { texts }) {
    const { state, read, archive, snooze, remove } = this.#parts;
    const isArchived = Boolean(item.archived_at);
    set(this.element, "data-id", item.id);
    set(this.element, "data-unread", !item.read_at);
    set(this.element, "data-archived", isArchived);
    say(state, item.read_at ? "" : texts.say("is_unread"));
    this.#button(read, item.read_at ? "unread" : "read", texts.say(item.read_at ? "mark_unread" : "read"));
    this.#button(archive, isArchived ? "unarchive" : "archive", texts.say(isArchived ? "unarchive" : "archive"));
    // Until it comes back, an item can only be brought back, or deleted.
    const isSnoozed = isAhead(item.snoozed_until);
    label(snooze, texts.say(isSnoozed ? "unsnooze" : "snooze"));
    set(snooze, "aria-haspopup", isSnoozed ? null : "menu");
    snooze.hidden = isArchived && !isSnoozed;
    for (const button of [read, archive]) button.hidden = isSnoozed;
    label(remove, texts.say("remove"));
  }

  /** @param {HTMLElement} button @param {"read" | "unread" | "archive" | "unarchive"} name @param {string} words */
  #button(button, name, words) {
    if (button.dataset.deed !== name) button.replaceChildren(icon(name));
    button.dataset.deed = name;
    label(button, words);
  }
}
