// How the components look. Constructed, so that a page needs no `style-src` for it. A page changes the variables on
// the element, and reaches the parts by `::part`.

const BASE = `
:host {
  --_text: var(--herald-text, light-dark(#1b1f24, #e8eaed));
  --_soft: var(--herald-soft, light-dark(#57606a, #a3acb5));
  --_ground: var(--herald-ground, light-dark(#ffffff, #1c2026));
  --_raised: var(--herald-raised, light-dark(#f3f5f7, #272c34));
  --_line: var(--herald-line, light-dark(#d5dae0, #3d444d));
  --_accent: var(--herald-accent, light-dark(#0b57d0, #8ab4f8));
  --_on-accent: var(--herald-on-accent, light-dark(#ffffff, #10151c));
  --_alert: var(--herald-alert, light-dark(#b3261e, #f2b8b5));
  --_on-alert: var(--herald-on-alert, light-dark(#ffffff, #3b0f0c));
  --_radius: var(--herald-radius, 10px);
  font: var(--herald-font, 400 0.9375rem/1.45 system-ui, sans-serif);
}
:host([theme]) { color: var(--_text); }
:host([theme="light"]) { color-scheme: light; }
:host([theme="dark"]) { color-scheme: dark; }
:host([hidden]) { display: none; }
*, ::before, ::after { box-sizing: border-box; }
[hidden] { display: none !important; }
button, select, input { font: inherit; color: inherit; }
button { background: none; border: 1px solid transparent; border-radius: calc(var(--_radius) * 0.7); cursor: pointer; }
button:disabled { cursor: default; }
a { color: var(--_accent); }
svg { width: 1.25em; height: 1.25em; display: block; fill: none; stroke: currentColor; stroke-width: 2;
  stroke-linecap: round; stroke-linejoin: round; }
:focus-visible { outline: 2px solid var(--_accent); outline-offset: 2px; }
.unseen-text { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }
.solid { background: var(--_accent); color: var(--_on-accent); padding: 0.3em 0.8em; }
.quiet-button { border-color: var(--_line); padding: 0.3em 0.8em; }
@media (forced-colors: active) { button { border-color: ButtonBorder; } }
`;

// The panel has a ground of its own, and follows the system; the bell stands on the page's.
const INBOX = `
:host { display: inline-block; color-scheme: light dark; }
:host([inline]) { display: block; }
.icon-button { display: inline-grid; place-items: center; min-width: 2.25em; min-height: 2.25em; padding: 0.3em;
  color: var(--_soft); }
.icon-button:hover { background: var(--_raised); color: var(--_text); }
.bell { position: relative; color: inherit; }
.badge { position: absolute; inset-block-start: -0.2rem; inset-inline-end: -0.2rem; min-width: 1.5em; padding: 0 0.35em;
  border-radius: 1em; background: var(--_alert); color: var(--_on-alert); font-size: 0.7em; line-height: 1.5em;
  font-weight: 600; text-align: center; }
.panel { display: flex; flex-direction: column; margin: 0; padding: 0; border: 1px solid var(--_line);
  border-radius: var(--_radius); background: var(--_ground); color: var(--_text); overflow: hidden; }
.panel:not([popover]) { height: var(--herald-height, 36rem); max-height: 100%; }
.panel[popover] { position: fixed; inset: auto; width: var(--herald-width, 26rem); max-width: calc(100vw - 1rem);
  height: var(--herald-height, 36rem); box-shadow: 0 12px 40px rgb(0 0 0 / 0.25); }
.panel[popover]:not(:popover-open) { display: none; }
.panel[popover]:popover-open { animation: rise 0.14s ease-out; }
@keyframes rise { from { opacity: 0; translate: 0 -6px; } }
header { display: flex; align-items: center; gap: 0.25rem; padding: 0.6rem 0.6rem 0 1rem; }
h2 { flex: 1; margin: 0; font-size: 1.1em; }
.filters { display: flex; gap: 0.25rem; padding: 0.4rem 0.75rem; border-block-end: 1px solid var(--_line); }
.filters button { padding: 0.25em 0.75em; color: var(--_soft); }
.filters button[aria-selected="true"] { background: var(--_raised); color: var(--_text); font-weight: 600; }
.scroll { flex: 1; min-height: 0; overflow-y: auto; overscroll-behavior: contain; }
.note { padding: 2.5rem 1rem; margin: 0; text-align: center; color: var(--_soft); }
.note button { margin-block-start: 0.75rem; color: var(--_text); }
.more { display: block; margin: 0.5rem auto; }
.item { position: relative; padding: 0.75rem 1rem 0.75rem 1.5rem; border-block-end: 1px solid var(--_line); }
.item:focus-visible { outline-offset: -3px; }
.item[data-unread]::before { content: ""; position: absolute; inset-inline-start: 0.6rem; inset-block-start: 1.25rem;
  width: 0.5rem; height: 0.5rem; border-radius: 50%; background: var(--_accent); }
.top { display: flex; align-items: flex-start; gap: 0.5rem; }
.heading { flex: 1; min-width: 0; }
.title { padding: 0; border: 0; text-align: start; color: inherit; text-decoration: none; overflow-wrap: anywhere;
  font-weight: 500; }
.title:hover { text-decoration: underline; }
.item[data-unread] .title { font-weight: 700; }
time { color: var(--_soft); font-size: 0.85em; white-space: nowrap; }
.body { color: var(--_soft); overflow-wrap: anywhere; }
.body[data-cut] { max-height: 9.5rem; overflow: hidden; mask-image: linear-gradient(#000 75%, transparent); }
.whole { padding: 0; color: var(--_accent); }
.body :is(p, ul, ol) { margin: 0.25rem 0 0; }
.body :is(ul, ol) { padding-inline-start: 1.25rem; }
.body code { padding: 0 0.25em; border-radius: 4px; background: var(--_raised); color: var(--_text); }
.tags { display: flex; flex-wrap: wrap; gap: 0.25rem; margin: 0.4rem 0 0; padding: 0; list-style: none; }
.tags li { padding: 0 0.5em; border-radius: 1em; background: var(--_raised); color: var(--_soft); font-size: 0.8em;
  overflow-wrap: anywhere; }
.actions { display: flex; flex-wrap: wrap; gap: 0.4rem; margin-block-start: 0.5rem; }
.actions button { overflow-wrap: anywhere; }
.actions button[aria-disabled="true"] { opacity: 1; border-color: var(--_line); background: var(--_raised);
  color: var(--_soft); cursor: default; }
.deeds { display: flex; gap: 0.1rem; margin-block-start: 0.25rem; margin-inline-start: -0.4rem; }
.deeds .icon-button { font-size: 0.85em; }
.toast { display: flex; align-items: center; gap: 0.5rem; padding: 0.5rem 0.75rem; border-block-start: 1px solid var(--_line);
  background: var(--_raised); }
.toast span { flex: 1; }
.menu { display: grid; width: max-content; max-width: 100%; margin-block-start: 0.25rem; padding: 0.25rem;
  border: 1px solid var(--_line); border-radius: calc(var(--_radius) * 0.7); background: var(--_ground);
  box-shadow: 0 6px 20px rgb(0 0 0 / 0.2); }
.menu button { padding: 0.35em 0.75em; text-align: start; }
.menu button:is(:hover, :focus) { background: var(--_raised); }
.menu small { margin-inline-start: 0.75em; color: var(--_soft); }
@media (max-width: 480px) {
  .panel[popover] { inset: 0 !important; width: 100vw; max-width: none; height: 100dvh; max-height: none !important;
    border: 0; border-radius: 0; }
}
@media (prefers-reduced-motion: reduce) { .panel[popover]:popover-open { animation: none; } }
`;

// They stand on the page's ground, and follow its `color-scheme`.
const PREFERENCES = `
:host { display: block; max-width: 42rem; }
section { margin-block-end: 1.5rem; }
h2 { margin: 0 0 0.25rem; font-size: 1.15em; }
p { margin: 0 0 0.75rem; color: var(--_soft); }
fieldset { margin: 0 0 0.75rem; padding: 0.5rem 1rem 0.75rem; border: 1px solid var(--_line); border-radius: var(--_radius); }
legend { padding: 0 0.35rem; font-weight: 600; }
.switch { display: flex; align-items: center; gap: 0.6rem; padding: 0.2rem 0; }
.switch span { flex: 1; overflow-wrap: anywhere; }
.switch small, .stopped { color: var(--_soft); }
.switch input { width: 1.15em; height: 1.15em; accent-color: var(--_accent); }
.hours { display: flex; flex-wrap: wrap; gap: 0.75rem; align-items: end; }
.hours label, .zone { display: grid; gap: 0.2rem; }
.hours input, select { padding: 0.3em 0.5em; border: 1px solid var(--_line); border-radius: calc(var(--_radius) * 0.6);
  background: var(--_ground); max-width: 100%; }
.days { display: flex; flex-wrap: wrap; gap: 0.25rem 0.9rem; margin: 0.6rem 0; padding: 0; border: 0; }
.days legend { padding: 0; font-weight: 400; color: var(--_soft); }
.days label { display: inline-flex; gap: 0.35rem; align-items: center; }
.buttons { display: flex; flex-wrap: wrap; gap: 0.5rem; margin-block-start: 0.75rem; }
.said { min-height: 1.5em; margin: 0; }
.said[data-kind="bad"] { color: var(--_alert); }
`;

/** @type {Map<string, CSSStyleSheet>} */
const made = new Map();

/**
 * The sheets of a component, shared by all of its elements.
 * @param {"inbox" | "preferences"} component
 * @returns {CSSStyleSheet[]}
 */
export function sheets(component) {
  return [BASE, component === "inbox" ? INBOX : PREFERENCES].map((css) => {
    const known = made.get(css) ?? new CSSStyleSheet();
    if (!made.has(css)) known.replaceSync(css);
    made.set(css, known);
    return known;
  });
}
