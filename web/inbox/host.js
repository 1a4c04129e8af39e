// What both components have in common: attributes, texts, and a person's way to Herald.

import { InboxClient, InboxError } from "./client.js";
import { sheets } from "./style.js";
import { Texts, textsFor } from "./texts.js";
import { TokenSource, claims } from "./tokens.js";

/** Where the script came from: `/inbox/<version>/host.js`. */
const ORIGIN = new URL("../../", import.meta.url).href;

/** An element that speaks to Herald in a person's name. */
export class HeraldHost extends HTMLElement {
  static observedAttributes = ["base-url", "user-id", "token", "lang", "format", "tags"];
  /** @type {import("../inbox").GetToken | null} */
  #getToken = null;
  /** @type {Record<string, string>} */
  #own = {};
  /** @type {TokenSource | null} */
  #tokens = null;
  /** @type {InboxClient | null} */
  client = null;
  words = new Texts();
  #isPlanned = false;

  /** @param {"inbox" | "preferences"} component */
  constructor(component) {
    super();
    this.root = this.attachShadow({ mode: "open" });
    this.root.adoptedStyleSheets = sheets(component);
  }

  get baseUrl() {
    return this.getAttribute("base-url") ?? ORIGIN;
  }

  set baseUrl(url) {
    this.setAttribute("base-url", url);
  }

  get userId() {
    return this.getAttribute("user-id");
  }

  set userId(id) {
    if (id === null) this.removeAttribute("user-id");
    else this.setAttribute("user-id", id);
  }

  get getToken() {
    return this.#getToken;
  }

  set getToken(ask) {
    this.#getToken = ask;
    this.#plan();
  }

  get texts() {
    return this.#own;
  }

  set texts(own) {
    this.#own = { ...own };
    void this.#speak();
  }

  connectedCallback() {
    this.#upgrade();
    void this.#speak();
    this.#plan();
  }

  disconnectedCallback() {
    // An element that is moved is back at once.
    this.#plan();
  }

  /** @param {string} name @param {string | null} before @param {string | null} now */
  attributeChangedCallback(name, before, now) {
    if (before === now || !this.isConnected) return;
    if (name === "lang") void this.#speak();
    else if (name === "token" && this.client && isSamePerson(before, now)) this.renewed();
    else if (name === "base-url" || name === "user-id" || name === "token") this.#plan();
    else this.changed();
  }

  /** What was set before the script was there. */
  #upgrade() {
    for (const name of /** @type {const} */ (["getToken", "texts", "baseUrl", "userId"])) {
      if (!Object.hasOwn(this, name)) continue;
      const value = this[name];
      delete (/** @type {any} */ (this)[name]);
      /** @type {any} */ (this)[name] = value;
    }
  }

  /** Begins anew once everything is set that is set together. */
  #plan() {
    if (this.#isPlanned) return;
    this.#isPlanned = true;
    queueMicrotask(() => {
      this.#isPlanned = false;
      this.#begin();
    });
  }

  #begin() {
    if (this.client) this.ended();
    this.client = null;
    const ask = this.#getToken ?? (this.hasAttribute("token") ? () => this.getAttribute("token") ?? "" : null);
    if (!this.isConnected || !ask) return;
    this.#tokens = new TokenSource(ask);
    this.client = new InboxClient(this.baseUrl, this.#tokens);
    this.began(this.client);
  }

  async #speak() {
    const words = await textsFor(this, this.#own);
    this.words = words;
    this.spoken();
  }

  /**
   * Whose it is: as the page says, else as the token says.
   * @returns {Promise<string>}
   */
  async person() {
    if (this.userId) return this.userId;
    const token = await this.#tokens?.current();
    return (token && claims(token).sub) || "";
  }

  /** There is a client. @param {InboxClient} _client */
  began(_client) {}

  /** The client is no longer to be used. */
  ended() {}

  /** There is another token of the same person. */
  renewed() {}

  /** Other texts are to be shown. */
  spoken() {}

  /** Another attribute has changed. */
  changed() {}

  /**
   * Tells the page; says whether it leaves the rest to us.
   * @param {string} name
   * @param {unknown} detail
   * @returns {boolean}
   */
  tell(name, detail) {
    return this.dispatchEvent(new CustomEvent(name, { detail, bubbles: true, composed: true, cancelable: true }));
  }

  /** Tells the page what went wrong. @param {unknown} error */
  fail(error) {
    const isKnown = error instanceof InboxError;
    const [code, status] = isKnown ? [error.code, error.status] : ["internal", 0];
    const message = error instanceof Error ? error.message : String(error);
    this.tell("herald-error", { code, message, status });
  }
}

/** @param {string | null} before @param {string | null} now */
function isSamePerson(before, now) {
  return before !== null && now !== null && claims(before).sub === claims(now).sub;
}
