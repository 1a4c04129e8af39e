// What was done, with the way back. It stays until something else is done, for nobody reads by the clock.

import { iconButton, label, make, say } from "./dom.js";

/** The line below the list. */
export class Toast {
  #text = make("span");
  #undo;
  #dismiss;
  /** @type {(() => void) | null} */
  #back = null;

  constructor() {
    this.#undo = make("button", { type: "button", class: "quiet-button", part: "undo", click: () => this.undo() });
    this.#dismiss = iconButton("close", "dismiss", () => this.clear());
    this.element = make("div", { class: "toast", part: "toast" }, this.#text, this.#undo, this.#dismiss);
    this.element.hidden = true;
  }

  /** @param {import("./texts.js").Texts} texts */
  name(texts) {
    say(this.#undo, texts.say("undo"));
    label(this.#dismiss, texts.say("dismiss"));
  }

  /**
   * Shows it.
   * @param {string} text
   * @param {(() => void) | null} back what undoes it
   */
  show(text, back) {
    say(this.#text, text);
    this.#back = back;
    this.#undo.hidden = back === null;
    this.element.hidden = false;
  }

  /** Goes back, if there is a way. */
  undo() {
    const back = this.#back;
    this.clear();
    back?.();
  }

  /** Takes it away. */
  clear() {
    this.#back = null;
    this.element.hidden = true;
  }
}
