// `<herald-inbox>`: a bell with its count, and the list of a person's notifications, live.

import { done, undoing } from "./deeds.js";
import { icon, label, make, say, set } from "./dom.js";
import { HeraldHost } from "./host.js";
import { trap } from "./keys.js";
import { follow, link } from "./links.js";
import { Panel } from "./panel.js";
import { BesideBell } from "./popover.js";
import { InboxSession } from "./session.js";
import { soon } from "./times.js";
import { SeenQueue } from "./watcher.js";

/**
 * @typedef {import("../inbox").InboxItem} InboxItem
 * @typedef {import("./deeds.js").Deed} Deed
 */

/** The element. */
export class HeraldInbox extends HeraldHost {
  static observedAttributes = [...HeraldHost.observedAttributes, "count"];
  #badge = make("span", { class: "badge", part: "badge", "aria-hidden": "true" });
  #bell;
  #live = make("span", { class: "unseen-text", role: "status", "aria-live": "polite" });
  #panel;
  /** @type {BesideBell | null} */
  #beside = null;
  /** @type {InboxSession | null} */
  #session = null;
  #seeing = new SeenQueue(async (id) => {
    const item = this.#store?.item(id);
    return item !== undefined && (await this.#session?.act(item, { name: "seen" })) === true;
  });
  /** @type {ReturnType<typeof setInterval> | undefined} */
  #clock;
  #isShown = false;
  #outside = (/** @type {Event} */ event) => this.#pointed(event);

  constructor() {
    super("inbox");
    const click = () => (this.#isShown ? this.hide() : this.show());
    const bell = { type: "button", class: "icon-button bell", part: "bell", "aria-haspopup": "dialog", click };
    this.#bell = make("button", bell, icon("bell"), this.#badge);
    this.#panel = new Panel(
      {
        chosen: (filter) => this.#store?.choose(filter, this.#tags()),
        allRead: () => void this.#readAll(),
        closed: () => this.hide(),
        wantMore: () => void (this.isOpen && this.#store?.more()),
        retried: () => void this.refresh(),
      },
      {
        opened: (item, event) => this.#open(item, event),
        pressed: (item, action) => void this.#press(item, action),
        wanted: (item, name) => void this.#do(item, { name, until: new Date(item.snoozed_until ?? 0) }),
        snoozing: (item, button) => this.#snooze(item, button),
        seen: (id) => this.#see(id),
      },
    );
    this.root.addEventListener("keydown", (event) => this.#key(/** @type {KeyboardEvent} */ (event)));
    this.root.append(this.#live);
  }

  connectedCallback() {
    if (this.hasAttribute("inline")) {
      this.#panel.stand();
      this.root.append(this.#panel.element);
    } else if (!this.#beside) {
      this.root.prepend(this.#bell);
      this.root.append(this.#panel.element);
      this.#beside = new BesideBell(this.#panel.element, this.#bell);
      set(this.#panel.element, "aria-modal", "true");
      set(this.#bell, "aria-expanded", "false");
    }
    super.connectedCallback();
    this.#clock = setInterval(() => this.#tick(), 30_000);
    addEventListener("pointerdown", this.#outside);
  }

  disconnectedCallback() {
    clearInterval(this.#clock);
    removeEventListener("pointerdown", this.#outside);
    this.hide();
    super.disconnectedCallback();
  }

  get #store() {
    return this.#session?.store;
  }

  get isOpen() {
    return this.#beside ? this.#isShown : this.isConnected;
  }

  /** @param {import("./client.js").InboxClient} client */
  began(client) {
    const session = new InboxSession(client, {
      isOpen: () => this.isOpen,
      changed: () => this.#render(),
      arrived: (item) => this.#announce("arrived", { title: item.title || this.words.say("untitled") }),
      counted: (counts) => {
        this.#count();
        this.tell("herald-counts", counts);
      },
      failed: (error) => this.fail(error),
    });
    session.store.tags = this.#tags();
    this.#session = session;
    this.#seeing.clear();
    session.start();
    if (this.isOpen) this.#panel.list.look();
    this.#count();
    this.#render();
  }

  ended() {
    this.#session?.end();
    this.#session = null;
    // Nothing of whose it was stays on the screen.
    this.#panel.clear();
    this.#live.textContent = "";
    this.#count();
  }

  renewed() {
    this.#session?.wake();
  }

  spoken() {
    this.#panel.name(this.words);
    this.#count();
    this.#render();
  }

  changed() {
    const tags = this.#tags();
    const store = this.#store;
    if (store && tags.join() !== store.tags.join()) store.choose(store.filter, tags);
    this.#count();
    this.#render();
  }

  /** Opens the list. */
  show() {
    if (!this.#beside || this.#isShown || !this.isConnected) return;
    this.#isShown = true;
    this.#beside.open();
    set(this.#bell, "aria-expanded", "true");
    const store = this.#store;
    if (store?.state === "unread") void store.load();
    this.#render();
    this.#panel.list.look();
    this.#panel.focus();
  }

  /** Closes it; the focus returns to the bell. */
  hide() {
    if (!this.#beside || !this.#isShown) return;
    const hadFocus = this.#panel.element.contains(this.root.activeElement);
    this.#isShown = false;
    this.#panel.menu.close();
    this.#panel.toast.clear();
    this.#beside.close();
    set(this.#bell, "aria-expanded", "false");
    if (hadFocus) this.#bell.focus();
  }

  /** Reads the list anew. */
  async refresh() {
    await this.#store?.load();
  }

  #tags() {
    return (this.getAttribute("tags") ?? "").split(/[\s,]+/).filter(Boolean);
  }

  #render() {
    if (!this.#store) return;
    const place = this.#panel.list.placeOf(this.root.activeElement);
    this.#panel.show(this.#store, this.getAttribute("format") !== "text");
    // What is moved loses the focus, and gets it back. Of an item that is gone its neighbour has it, or the lists above.
    if (place && !this.root.activeElement && !this.#panel.list.restore(place)) this.#panel.focus();
  }

  #count() {
    const counts = this.#store?.counts;
    const count = (this.getAttribute("count") === "unseen" ? counts?.unseen : counts?.unread) ?? 0;
    const isSome = count !== 0 && count !== "0";
    say(this.#badge, isSome ? String(count) : "");
    this.#badge.hidden = !isSome;
    label(this.#bell, isSome ? this.words.say("bell", { count }) : this.words.say("inbox"));
  }

  /** @param {string} name @param {Record<string, string | number>} [places] */
  #announce(name, places) {
    this.#live.textContent = this.words.say(name, places);
  }

  #tick() {
    if (!this.isOpen) return;
    this.#store?.expire();
    this.#panel.list.tick();
  }

  /** @param {string} id */
  #see(id) {
    const item = this.#store?.item(id);
    const isNew = item && !item.seen_at && !item.snoozed_until;
    if (isNew && this.isOpen && !document.hidden) this.#seeing.add(id);
  }

  /** @param {InboxItem} item @param {MouseEvent | KeyboardEvent | null} event */
  #open(item, event) {
    const goesOn = this.tell("herald-item-open", { item });
    const isNewTab = event instanceof MouseEvent && (event.ctrlKey || event.metaKey || event.shiftKey);
    if (!item.read_at) void this.#session?.act(item, { name: "read" }, true);
    if (!goesOn) event?.preventDefault();
    // A click on a link is followed by the browser itself; a key on the item is not.
    else if (event instanceof KeyboardEvent) follow(item.url);
    if (!isNewTab && (!goesOn || link(item.url))) this.hide();
  }

  /** @param {InboxItem} item @param {import("../inbox").InboxAction} action */
  async #press(item, action) {
    const goesOn = this.tell("herald-action", { item, action });
    const pressed = this.#do(item, { name: "press", action: action.id }, { label: action.label });
    if (goesOn) follow(action.url);
    await pressed;
  }

  /**
   * Does something, says so, and offers the way back.
   * @param {InboxItem} item
   * @param {Deed} deed
   * @param {Record<string, string>} [places]
   */
  async #do(item, deed, places) {
    const { toast } = this.#panel;
    const back = undoing(deed);
    const undo = async () => {
      // What has left the list is as the deed left it.
      const now = this.#store?.item(item.id) ?? done(item, deed);
      if (back && (await this.#session?.act(now, back))) this.#announce("undone");
    };
    const text = this.words.say(`did_${deed.name}`, places);
    toast.show(text, back ? () => void undo() : null);
    const isDone = await this.#session?.act(item, deed, deed.name === "press");
    if (isDone) this.#announce(`did_${deed.name}`, places);
    else toast.show(this.words.say("failed_deed"), null);
  }

  /** @param {InboxItem} item @param {HTMLElement} button */
  #snooze(item, button) {
    const until = (/** @type {Date} */ moment) => {
      void this.#do(item, { name: "snooze", until: moment }, { time: soon(moment, this.words.language) });
    };
    if (this.#panel.menu.isOpen) this.#panel.menu.close();
    else this.#panel.menu.open(/** @type {HTMLElement} */ (button.closest("article")), button, this.words, until);
  }

  /** Marks all as read; the way back is for those that were in the list. */
  async #readAll() {
    const changed = await this.#store?.actOnAll("read");
    const undo = async () => {
      const back = (changed ?? []).map((item) => this.#session?.act(this.#store?.item(item.id) ?? item, { name: "unread" }));
      if ((await Promise.all(back)).every(Boolean)) this.#announce("undone");
    };
    const name = changed ? "did_all" : "failed_deed";
    this.#announce(name);
    this.#panel.toast.show(this.words.say(name), changed?.length ? () => void undo() : null);
  }

  /** @param {Event} event */
  #pointed(event) {
    const path = event.composedPath();
    const target = /** @type {Node | null} */ (path[0] ?? null);
    if (this.#panel.menu.isOpen && !this.#panel.menu.contains(target)) this.#panel.menu.close();
    if (this.#isShown && !path.includes(this)) this.hide();
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    if (event.key === "Escape" && this.#isShown) {
      event.preventDefault();
      event.stopPropagation();
      this.hide();
    } else if (event.key === "z" && (event.ctrlKey || event.metaKey) && this.isOpen) {
      event.preventDefault();
      this.#panel.toast.undo();
    } else if (this.#isShown) trap(event, this.#panel.element, this.root.activeElement);
  }
}
