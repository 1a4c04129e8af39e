// `<herald-preferences>`: what a person gets, by which channel, and when it is quiet.

import { make, say, set } from "./dom.js";
import { HeraldHost } from "./host.js";
import { form } from "./preferences-form.js";

/** Problems of which a text of their own speaks. @type {Record<string, string>} */
const SAID = { category_required: "needed", invalid_body: "bad_hours" };

/** The element. */
export class HeraldPreferences extends HeraldHost {
  #form = make("div", { part: "form" });
  #said = make("p", { class: "said", part: "said", role: "status", "aria-live": "polite" });
  /** @type {import("./preferences-form.js").Choices | null} */
  #choices = null;
  /** Changes are made one after the other. */
  #last = Promise.resolve();

  constructor() {
    super("preferences");
    this.root.append(this.#form, this.#said);
  }

  began() {
    void this.refresh();
  }

  ended() {
    this.#choices = null;
    this.#render();
  }

  spoken() {
    this.#render();
  }

  /** Reads it anew. */
  async refresh() {
    await this.#call("GET");
  }

  /** @param {"GET" | "PATCH"} method @param {Record<string, unknown>} [body] */
  async #call(method, body) {
    const { client } = this;
    if (!client) return;
    set(this.#form, "aria-busy", "true");
    try {
      const person = encodeURIComponent(await this.person());
      const choices = await client.json(method, `v1/users/${person}/choices`, { body });
      if (client !== this.client) return;
      this.#choices = choices;
      if (body) this.#say("saved", "good");
    } catch (error) {
      if (client !== this.client) return;
      this.fail(error);
      const { code } = /** @type {{ code?: string }} */ (error);
      this.#say(SAID[code ?? ""] ?? (body ? "failed_deed" : "failed"), "bad");
    } finally {
      set(this.#form, "aria-busy", null);
    }
    // What was refused is as it was.
    this.#render();
  }

  /** @param {string} name @param {"good" | "bad"} kind */
  #say(name, kind) {
    set(this.#said, "data-kind", kind);
    say(this.#said, this.words.say(name));
  }

  #render() {
    const focused = /** @type {HTMLElement | null} */ (this.root.activeElement)?.dataset.key;
    if (!this.#choices) {
      this.#form.replaceChildren(this.words.say("loading"));
      return;
    }
    const changed = (/** @type {Record<string, unknown>} */ change) => {
      this.#last = this.#last.then(() => this.#call("PATCH", change));
    };
    this.#form.replaceChildren(...form(this.#choices, this.words, changed));
    if (!focused) return;
    const again = this.#form.querySelector(`[data-key="${CSS.escape(focused)}"]`);
    /** @type {HTMLElement | null} */ (again)?.focus();
  }
}
