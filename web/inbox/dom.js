// Elements, made without a parser: what somebody else wrote is only ever text.

const SVG = "http://www.w3.org/2000/svg";

/**
 * Makes an element. An attribute that is a function listens to the event of its name, `false` and `null` leave an
 * attribute out, and `true` sets it empty.
 * @template {keyof HTMLElementTagNameMap} Name
 * @param {Name} name
 * @param {Record<string, string | number | boolean | null | undefined | ((event: any) => void)>} [attributes]
 * @param {...(Node | string)} children
 * @returns {HTMLElementTagNameMap[Name]}
 */
export function make(name, attributes = {}, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (typeof value === "function") element.addEventListener(key, value);
    else set(element, key, value);
  }
  element.append(...children);
  return element;
}

/**
 * Sets an attribute, or takes it away; leaves it alone where it is as wanted.
 * @param {Element} element
 * @param {string} name
 * @param {string | number | boolean | null | undefined} value
 */
export function set(element, name, value) {
  const wanted = value === true ? "" : value === false || value == null ? null : String(value);
  if (element.getAttribute(name) === wanted) return;
  if (wanted === null) element.removeAttribute(name);
  else element.setAttribute(name, wanted);
}

/**
 * Sets an element's text; leaves it alone where it is as wanted, so that a screen reader stays where it is.
 * @param {Element} element
 * @param {string} text
 */
export function say(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/** Drawings of 24 by 24. */
const ICONS = {
  bell: "M18 8a6 6 0 0 0-12 0c0 7-3 9-3 9h18s-3-2-3-9M13.7 21a2 2 0 0 1-3.4 0",
  close: "M18 6 6 18M6 6l12 12",
  read: "M20 6 9 17l-5-5",
  unread: "M12 8a4 4 0 1 0 0 8 4 4 0 0 0 0-8",
  archive: "M3 4h18v4H3zM5 8v12h14V8M10 12h4",
  unarchive: "M3 4h18v4H3zM5 8v12h14V8M12 18v-6M9 14l3-3 3 3",
  snooze: "M12 7v5l3 2M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18",
  remove: "M4 7h16M10 11v6M14 11v6M6 7l1 13h10l1-13M9 7V4h6v3",
  all: "M2 12l5 5L17 7M12 17l1 0L23 7",
};

/**
 * A drawing, which a screen reader passes over.
 * @param {keyof typeof ICONS} name
 * @returns {SVGSVGElement}
 */
export function icon(name) {
  const svg = document.createElementNS(SVG, "svg");
  const path = document.createElementNS(SVG, "path");
  for (const [key, value] of Object.entries({ viewBox: "0 0 24 24", "aria-hidden": "true", part: "icon" })) {
    svg.setAttribute(key, value);
  }
  path.setAttribute("d", ICONS[name]);
  svg.append(path);
  return svg;
}

/**
 * A button of a drawing, whose label is its name and its hint.
 * @param {keyof typeof ICONS} name
 * @param {string} part
 * @param {(event: MouseEvent) => void} click
 * @returns {HTMLButtonElement}
 */
export function iconButton(name, part, click) {
  return make("button", { type: "button", part, class: "icon-button", click }, icon(name));
}

/**
 * Names a button for everybody.
 * @param {HTMLElement} button
 * @param {string} label
 */
export function label(button, label) {
  set(button, "aria-label", label);
  set(button, "title", label);
}
