// The person's token: asked for when it is needed, kept until shortly before its end.

/** Milliseconds before its end from which a token is not used any more; of a short one it is a quarter of its life. */
const EARLY = 30_000;

/** Gives tokens, and asks the page for a new one where it can. */
export class TokenSource {
  /** @type {string | null} */
  #token = null;
  /** @type {Promise<string> | null} */
  #asked = null;
  #ask;

  /** @param {() => Promise<string> | string} ask what the page says: an async function that makes a token */
  constructor(ask) {
    this.#ask = ask;
  }

  /**
   * A token. Those who ask at the same time share one question.
   * @returns {Promise<string>}
   */
  async current() {
    if (this.#token && !isAtItsEnd(this.#token)) return this.#token;
    this.#asked ??= this.#answer();
    return this.#asked;
  }

  async #answer() {
    try {
      const token = await this.#ask();
      if (typeof token !== "string" || token === "") throw new TypeError("getToken gave no token");
      this.#token = token;
      return token;
    } finally {
      this.#asked = null;
    }
  }

  /**
   * Says that a token was refused; the next one is asked for anew.
   * @param {string} token
   */
  refused(token) {
    if (this.#token === token) this.#token = null;
  }
}

/**
 * What a token says; nothing of it is believed but when to ask for another, and whose it is.
 * @param {string} token
 * @returns {{ exp?: number, iat?: number, sub?: string }}
 */
export function claims(token) {
  try {
    const part = token.split(".")[1].replace(/-/g, "+").replace(/_/g, "/");
    const said = JSON.parse(atob(part));
    return typeof said === "object" && said !== null ? said : {};
  } catch {
    return {};
  }
}

/** @param {string} token */
function isAtItsEnd(token) {
  const { exp, iat } = claims(token);
  if (typeof exp !== "number") return false;
  const life = typeof iat === "number" ? (exp - iat) * 1_000 : Infinity;
  return exp * 1_000 < Date.now() + Math.min(EARLY, life / 4);
}
