// Which items a person has before their eyes: those are seen.

/** Watches items of a scrolled list. */
export class SeenWatcher {
  #observer;
  /** @type {Map<Element, string>} */
  #ids = new Map();

  /**
   * @param {HTMLElement} scrolled
   * @param {(id: string) => void} seen
   */
  constructor(scrolled, seen) {
    const look = (/** @type {IntersectionObserverEntry[]} */ entries) => {
      for (const entry of entries) {
        const id = this.#ids.get(entry.target);
        const isTall = entry.rootBounds !== null && entry.intersectionRect.height > entry.rootBounds.height / 2;
        if (id && entry.isIntersecting && (entry.intersectionRatio > 0.6 || isTall)) seen(id);
      }
    };
    this.#observer = new IntersectionObserver(look, { root: scrolled, threshold: [0.1, 0.3, 0.61, 1] });
  }

  /** @param {Element} element @param {string} id */
  watch(element, id) {
    if (this.#ids.has(element)) return;
    this.#ids.set(element, id);
    this.#observer.observe(element);
  }

  /** @param {Element} element */
  leave(element) {
    this.#ids.delete(element);
    this.#observer.unobserve(element);
  }

  /** Looks at all anew: the list is open again. */
  again() {
    for (const element of this.#ids.keys()) {
      this.#observer.unobserve(element);
      this.#observer.observe(element);
    }
  }
}

/** Says of items that they are seen: of each once, of two at a time. */
export class SeenQueue {
  #mark;
  /** @type {Set<string>} */
  #asked = new Set();
  /** @type {string[]} */
  #waiting = [];
  #running = 0;

  /** @param {(id: string) => Promise<boolean>} mark says whether it is done; never fails */
  constructor(mark) {
    this.#mark = mark;
  }

  /** @param {string} id */
  add(id) {
    if (this.#asked.has(id)) return;
    this.#asked.add(id);
    this.#waiting.push(id);
    void this.#next();
  }

  /** Forgets all. */
  clear() {
    this.#asked.clear();
    this.#waiting = [];
  }

  async #next() {
    if (this.#running >= 2) return;
    this.#running += 1;
    for (let id = this.#waiting.shift(); id !== undefined; id = this.#waiting.shift()) {
      // What could not be marked is marked when it is seen again.
      if (!(await this.#mark(id))) this.#asked.delete(id);
    }
    this.#running -= 1;
  }
}
