// What a person may do with an item: how it looks at once, what is asked of Herald, and what undoes it.

/**
 * @typedef {import("../inbox").InboxItem} InboxItem
 *
 * @typedef {object} Deed
 * @property {DeedName} name
 * @property {Date} [until] of a snooze
 * @property {string} [action] the id of a button
 *
 * @typedef {keyof typeof DEEDS} DeedName
 *
 * @typedef {object} DeedRule
 * @property {"PUT" | "POST" | "DELETE"} method
 * @property {string} path below the item
 * @property {DeedName | null} undo
 * @property {(item: InboxItem, now: string, deed: Deed) => Partial<InboxItem>} patch
 */

/** @param {{ method: "PUT" | "POST" | "DELETE", path: string, undo: string | null, patch: DeedRule["patch"] }} rule */
const rule = (rule) => rule;

const DEEDS = {
  seen: rule({ method: "PUT", path: "seen", undo: null, patch: (item, now) => ({ seen_at: item.seen_at ?? now }) }),
  read: rule({
    method: "PUT",
    path: "read",
    undo: "unread",
    patch: (item, now) => ({ seen_at: item.seen_at ?? now, read_at: item.read_at ?? now }),
  }),
  unread: rule({ method: "DELETE", path: "read", undo: "read", patch: () => ({ read_at: null }) }),
  archive: rule({ method: "PUT", path: "archived", undo: "unarchive", patch: (_, now) => ({ archived_at: now }) }),
  unarchive: rule({ method: "DELETE", path: "archived", undo: "archive", patch: () => ({ archived_at: null }) }),
  remove: rule({ method: "DELETE", path: "", undo: "restore", patch: (_, now) => ({ deleted_at: now }) }),
  restore: rule({ method: "PUT", path: "restore", undo: "remove", patch: () => ({ deleted_at: null }) }),
  snooze: rule({
    method: "PUT",
    path: "snooze",
    undo: "unsnooze",
    patch: (_, __, deed) => ({ snoozed_until: deed.until?.toISOString() ?? null }),
  }),
  unsnooze: rule({ method: "DELETE", path: "snooze", undo: "snooze", patch: () => ({ snoozed_until: null }) }),
  press: rule({
    method: "POST",
    path: "actions/",
    undo: "release",
    patch: (item, now, deed) => ({ actions: pressed(item, deed.action, now) }),
  }),
  release: rule({
    method: "DELETE",
    path: "actions/",
    undo: "press",
    patch: (item, _, deed) => ({ actions: pressed(item, deed.action, null) }),
  }),
};

/** @param {InboxItem} item @param {string | undefined} action @param {string | null} at */
function pressed(item, action, at) {
  return item.actions.map((it) => (it.id === action ? { ...it, done_at: at } : it));
}

/**
 * How an item looks once a deed is done.
 * @param {InboxItem} item
 * @param {Deed} deed
 * @returns {InboxItem}
 */
export function done(item, deed) {
  return { ...item, ...DEEDS[deed.name].patch(item, new Date().toISOString(), deed) };
}

/**
 * What undoes a deed; `null` where nothing does.
 * @param {Deed} deed
 * @returns {Deed | null}
 */
export function undoing(deed) {
  const { undo } = DEEDS[deed.name];
  return undo ? { ...deed, name: /** @type {DeedName} */ (undo) } : null;
}

/**
 * Asks Herald to do it.
 * @param {import("./client.js").InboxClient} client
 * @param {string} id
 * @param {Deed} deed
 * @param {boolean} [outlives] whether it goes on when the page is left
 * @returns {Promise<unknown>}
 */
export function ask(client, id, deed, outlives) {
  const { method, path } = DEEDS[deed.name];
  const below = path === "actions/" ? `actions/${encodeURIComponent(deed.action ?? "")}` : path;
  const body = deed.name === "snooze" ? { until: deed.until?.toISOString() } : undefined;
  const whole = `v1/inbox/${encodeURIComponent(id)}${below ? `/${below}` : ""}`;
  return client.json(method, whole, { body, outlives });
}
