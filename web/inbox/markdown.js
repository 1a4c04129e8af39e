// A small, safe part of Markdown: bold, italic, code, links, lists, paragraphs. It makes nodes, never HTML: what is
// not of this part is shown as it was written. A text is bounded, and so is the work.

import { make } from "./dom.js";
import { lead, link } from "./links.js";

/** Most characters that are shown. */
const MOST = 10_000;
/** Most marks within each other. */
const DEPTH = 4;
const BULLET = /^ {0,3}[-*+] +(?=\S)/;
const NUMBER = /^ {0,3}\d{1,9}[.)] +(?=\S)/;

/**
 * The nodes of a text.
 * @param {string} text
 * @returns {DocumentFragment}
 */
export function rendered(text) {
  const whole = document.createDocumentFragment();
  let isGap = true;
  for (const line of bounded(text).split(/\r\n|\r|\n/)) {
    if (line.trim() === "") {
      isGap = true;
      continue;
    }
    const mark = BULLET.exec(line) ?? NUMBER.exec(line);
    const name = mark ? (BULLET.test(line) ? "ul" : "ol") : "p";
    const before = whole.lastElementChild;
    const isNew = isGap || before?.localName !== name;
    const block = isNew || !before ? make(name) : before;
    isGap = false;
    if (isNew) whole.append(block);
    if (mark) {
      const item = make("li");
      spans(line.slice(mark[0].length), item, 0);
      block.append(item);
    } else {
      if (!isNew) block.append(make("br"));
      spans(line, block, 0);
    }
  }
  return whole;
}

/**
 * A text as it was written, line by line.
 * @param {string} text
 * @returns {DocumentFragment}
 */
export function plain(text) {
  const whole = document.createDocumentFragment();
  bounded(text).split(/\r\n|\r|\n/).forEach((line, at) => {
    if (at > 0) whole.append(make("br"));
    whole.append(line);
  });
  return whole;
}

/** @param {string} text */
function bounded(text) {
  return text.length > MOST ? `${text.slice(0, MOST)}…` : text;
}

/**
 * Appends a line's text with what its marks mean.
 * @param {string} text
 * @param {Element} into
 * @param {number} depth
 */
function spans(text, into, depth) {
  let shown = "";
  let at = 0;
  const flush = () => {
    if (shown) into.append(shown);
    shown = "";
  };
  while (at < text.length) {
    const character = text[at];
    if (character === "\\" && /[\\`*_[\]()#+.!-]/.test(text[at + 1] ?? "")) {
      shown += text[at + 1];
      at += 2;
      continue;
    }
    const span = depth < DEPTH ? (spanAt(text, at, depth)) : null;
    if (span) {
      flush();
      into.append(span.node);
      at = span.end;
    } else {
      // A run of marks that mean nothing here is passed as one.
      const run = /^([*_`])\1*/.exec(text.slice(at, at + 64))?.[0] ?? character;
      shown += run;
      at += run.length;
    }
  }
  flush();
}

/**
 * What begins at a place, if it is a mark with an end.
 * @param {string} text
 * @param {number} at
 * @param {number} depth
 * @returns {{ node: Node, end: number } | null}
 */
function spanAt(text, at, depth) {
  switch (text[at]) {
    case "`":
      return code(text, at);
    case "*":
    case "_":
      return emphasis(text, at, depth);
    case "[":
      return linkAt(text, at, depth);
    case "h":
      return bareLink(text, at);
    default:
      return null;
  }
}

/** @param {string} text @param {number} at */
function code(text, at) {
  const end = text.indexOf("`", at + 1);
  if (end <= at + 1) return null;
  return { node: make("code", {}, text.slice(at + 1, end)), end: end + 1 };
}

/** @param {string} text @param {number} at @param {number} depth */
function emphasis(text, at, depth) {
  const sign = text[at];
  const isStrong = text[at + 1] === sign;
  const mark = isStrong ? sign + sign : sign;
  const start = at + mark.length;
  // Within a word, an underscore is an underscore; before a space, a mark is itself.
  const isWithin = sign === "_" && /[\p{L}\p{N}]/u.test(text[at - 1] ?? "");
  if (isWithin || /^(\s|$)/.test(text[start] ?? "") || text[start] === sign) return null;
  let end = text.indexOf(mark, start);
  while (end > 0 && !isStrong && text[end + 1] === sign) end = text.indexOf(sign, end + 2);
  if (end <= start || /\s/.test(text[end - 1])) return null;
  if (sign === "_" && /[\p{L}\p{N}]/u.test(text[end + mark.length] ?? "")) return null;
  const node = make(isStrong ? "strong" : "em");
  spans(text.slice(start, end), node, depth + 1);
  return { node, end: end + mark.length };
}

/** @param {string} text @param {number} at @param {number} depth */
function linkAt(text, at, depth) {
  const close = text.indexOf("](", at + 1);
  const end = close < 0 ? -1 : text.indexOf(")", close + 2);
  if (end < 0 || close === at + 1 || text.slice(at + 1, close).includes("[")) return null;
  const url = webLink(text.slice(close + 2, end).trim());
  if (!url) return null;
  const node = make("a");
  lead(node, url);
  // No link within a link.
  spans(text.slice(at + 1, close), node, Math.max(depth + 1, DEPTH));
  return { node, end: end + 1 };
}

/** @param {string} text @param {number} at */
function bareLink(text, at) {
  if (/[\p{L}\p{N}]/u.test(text[at - 1] ?? "")) return null;
  const found = /^https?:\/\/[^\s<>"`]{1,2000}/.exec(text.slice(at, at + 2_100))?.[0];
  const address = found?.replace(/[.,;:!?*_'")\]]+$/, "");
  const url = address ? webLink(address) : null;
  if (!address || !url) return null;
  const node = make("a", {}, address);
  lead(node, url);
  return { node, end: at + address.length };
}

/** @param {string} address */
function webLink(address) {
  return address.startsWith("/") ? null : link(address);
}
