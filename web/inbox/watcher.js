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

/** Does one thing after the other, two at a time. */
export class SmallQueue {
  /** @type {(() => Promise<unknown>)[]} */
  #waiting = [];
  #running = 0;

  /** @param {() => Promise<unknown>} work that fails in silence, or says so itself */
  push(work) {
    this.#waiting.push(work);
    this.#next();
  }

  #next() {
    if (this.#running >= 2) return;
    const work = this.#waiting.shift();
    if (!work) return;
    this.#running += 1;
    const end = () => {
      this.#running -= 1;
      this.#next();
    };
    work().then(end, end);
  }
}
