// The menu of a snooze: when an item is to come again.

import { make } from "./dom.js";
import { neighbour } from "./keys.js";
import { snoozes, soon } from "./times.js";

/** A menu that is open below one button at a time. */
export class SnoozeMenu {
  /** @type {HTMLElement | null} */
  #menu = null;
  /** @type {HTMLElement | null} */
  #button = null;

  get isOpen() {
    return this.#menu !== null;
  }

  /**
   * Opens it, and puts the focus on its first entry.
   * @param {HTMLElement} place
   * @param {HTMLElement} button
   * @param {import("./texts.js").Texts} texts
   * @param {(until: Date) => void} chosen
   */
  open(place, button, texts, chosen) {
    this.close();
    const entry = (/** @type {ReturnType<typeof snoozes>[number]} */ { text, until }) => {
      const click = () => {
        this.close();
        chosen(until);
      };
      const words = make("small", {}, soon(until, texts.language));
      return make("button", { type: "button", role: "menuitem", tabindex: -1, click }, texts.say(text), words);
    };
    const entries = snoozes(new Date()).map(entry);
    const keydown = (/** @type {KeyboardEvent} */ event) => this.#key(event, entries);
    const attributes = { class: "menu", part: "menu", role: "menu", "aria-label": texts.say("snooze"), keydown };
    this.#menu = make("div", attributes, ...entries);
    this.#button = button;
    button.setAttribute("aria-expanded", "true");
    place.append(this.#menu);
    entries[0].focus();
  }

  /** Closes it; the focus returns to its button if the menu had it. */
  close() {
    const menu = this.#menu;
    if (!menu) return;
    const root = /** @type {ShadowRoot} */ (menu.getRootNode());
    const hadFocus = menu.contains(root.activeElement);
    this.#menu = null;
    this.#button?.removeAttribute("aria-expanded");
    if (hadFocus) this.#button?.focus();
    menu.remove();
  }

  /** @param {Node | null} node */
  contains(node) {
    return this.#menu?.contains(node) === true || this.#button?.contains(node) === true;
  }

  /** @param {KeyboardEvent} event @param {HTMLElement[]} entries */
  #key(event, entries) {
    const at = entries.indexOf(/** @type {HTMLElement} */ (event.target));
    const next = neighbour(event.key, entries, at, { back: ["ArrowUp"], on: ["ArrowDown"], wraps: true });
    if (next) next.focus();
    else if (event.key === "Escape" || event.key === "Tab") this.close();
    else return;
    event.preventDefault();
    event.stopPropagation();
  }
}
