// Moving the focus with keys, and keeping it where it belongs.

/**
 * The neighbour that a key leads to; `null` where the key leads nowhere.
 * @template T
 * @param {string} key
 * @param {T[]} all
 * @param {number} at where the focus is; -1 for nowhere
 * @param {{ back: string[], on: string[], wraps?: boolean }} keys
 * @returns {T | null}
 */
export function neighbour(key, all, at, { back, on, wraps = false }) {
  if (all.length === 0) return null;
  const last = all.length - 1;
  if (key === "Home") return all[0];
  if (key === "End") return all[last];
  const step = back.includes(key) ? -1 : on.includes(key) ? 1 : 0;
  if (step === 0) return null;
  const to = at < 0 ? (step > 0 ? 0 : last) : at + step;
  if (wraps) return all[(to + all.length) % all.length];
  return all[Math.min(Math.max(to, 0), last)];
}

/**
 * Keeps the tabulator within an element: after its last stop comes its first.
 * @param {KeyboardEvent} event
 * @param {HTMLElement} within
 * @param {Element | null} focused
 */
export function trap(event, within, focused) {
  if (event.key !== "Tab") return;
  const stops = [.../** @type {NodeListOf<HTMLElement>} */ (within.querySelectorAll("a[href], button, [tabindex]"))];
  const reached = stops.filter((it) => it.tabIndex >= 0 && it.checkVisibility());
  if (reached.length === 0) return;
  const edge = event.shiftKey ? reached[0] : reached[reached.length - 1];
  const isOutside = !focused || !within.contains(focused) || focused === within;
  if (focused !== edge && !isOutside) return;
  event.preventDefault();
  (event.shiftKey ? reached[reached.length - 1] : reached[0]).focus();
}
