// Which texts a component shows: those of the nearest language that there is, and the page's own over them.

import english from "./texts-en.js";

/**
 * Languages beside English, read when they are wanted.
 * @type {Record<string, () => Promise<{ default: Record<string, string> }>>}
 */
const OTHERS = {
  de: () => import("./texts-de.js"),
  es: () => import("./texts-es.js"),
  fr: () => import("./texts-fr.js"),
  it: () => import("./texts-it.js"),
  nl: () => import("./texts-nl.js"),
  pl: () => import("./texts-pl.js"),
  pt: () => import("./texts-pt.js"),
};

/** The texts of one language. */
export class Texts {
  #words;

  /**
   * @param {string} language by which times and numbers are written
   * @param {Record<string, string>} [words]
   */
  constructor(language = "en", words = english) {
    this.language = language;
    this.#words = words;
  }

  /**
   * A text, with its places filled in.
   * @param {string} name
   * @param {Record<string, string | number>} [places]
   * @returns {string}
   */
  say(name, places = {}) {
    const text = this.#words[name] ?? english[name] ?? name;
    return text.replace(/\{(\w+)\}/g, (whole, place) => String(places[place] ?? whole));
  }
}

/**
 * The texts for an element: of its language, else of the page's, else of the browser's.
 * @param {HTMLElement} element
 * @param {Record<string, string>} own
 * @returns {Promise<Texts>}
 */
export async function textsFor(element, own) {
  const said = element.closest("[lang]")?.getAttribute("lang");
  const wanted = [said, ...navigator.languages].filter((tag) => tag != null && isLanguage(tag));
  for (const tag of wanted) {
    const language = /** @type {string} */ (tag);
    const base = language.split("-")[0].toLowerCase();
    if (base === "en") return new Texts(language, { ...english, ...own });
    const other = OTHERS[base];
    if (other) return new Texts(language, { ...english, ...(await other()).default, ...own });
    // A language that is said and not here: times are in it all the same where the page brings its words.
    if (tag === said && Object.keys(own).length > 0) return new Texts(language, { ...english, ...own });
  }
  return new Texts("en", { ...english, ...own });
}

/** @param {string} tag */
function isLanguage(tag) {
  try {
    return Intl.getCanonicalLocales(tag).length > 0;
  } catch {
    return false;
  }
}
