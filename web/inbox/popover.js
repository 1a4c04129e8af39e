// Where the panel stands: beside the bell, above everything else, within the window.

/** Pixels between the bell, the panel and the window's edge. */
const GAP = 8;

/** A panel that opens beside a button. */
export class BesideBell {
  #panel;
  #bell;
  #place = () => this.#moved();

  /** @param {HTMLElement} panel @param {HTMLElement} bell */
  constructor(panel, bell) {
    this.#panel = panel;
    this.#bell = bell;
    panel.popover = "manual";
  }

  get isOpen() {
    return this.#panel.matches(":popover-open");
  }

  open() {
    if (this.isOpen) return;
    this.#panel.showPopover();
    this.#moved();
    addEventListener("resize", this.#place);
    addEventListener("scroll", this.#place, { capture: true, passive: true });
  }

  close() {
    removeEventListener("resize", this.#place);
    removeEventListener("scroll", this.#place, { capture: true });
    if (this.isOpen) this.#panel.hidePopover();
  }

  #moved() {
    const bell = this.#bell.getBoundingClientRect();
    const width = this.#panel.offsetWidth;
    const isLeftToRight = getComputedStyle(this.#bell).direction === "ltr";
    const wanted = isLeftToRight ? bell.right - width : bell.left;
    const left = Math.max(GAP, Math.min(wanted, innerWidth - width - GAP));
    const below = innerHeight - bell.bottom - 2 * GAP;
    const above = bell.top - 2 * GAP;
    const isBelow = below >= Math.min(320, above);
    const { style } = this.#panel;
    style.setProperty("left", `${left}px`);
    style.setProperty("max-height", `${Math.max(isBelow ? below : above, 160)}px`);
    style.setProperty("top", isBelow ? `${bell.bottom + GAP}px` : "auto");
    style.setProperty("bottom", isBelow ? "auto" : `${innerHeight - bell.top + GAP}px`);
  }
}
