// Moments and spans in words, by the language's own rules.

const STEPS = /** @type {const} */ ([
  ["year", 31_557_600],
  ["month", 2_629_800],
  ["week", 604_800],
  ["day", 86_400],
  ["hour", 3_600],
  ["minute", 60],
]);

/**
 * How long ago a moment was, in words.
 * @param {Date} moment
 * @param {string} language
 * @param {number} [now] milliseconds
 * @returns {string}
 */
export function ago(moment, language, now = Date.now()) {
  const seconds = (moment.getTime() - now) / 1_000;
  const words = new Intl.RelativeTimeFormat(language, { numeric: "auto", style: "long" });
  for (const [unit, length] of STEPS) {
    if (Math.abs(seconds) >= length) return words.format(Math.trunc(seconds / length), unit);
  }
  return words.format(0, "second");
}

/**
 * A moment with its day and its time.
 * @param {Date} moment
 * @param {string} language
 * @returns {string}
 */
export function exact(moment, language) {
  return new Intl.DateTimeFormat(language, { dateStyle: "full", timeStyle: "short" }).format(moment);
}

/**
 * A moment to come: the day of the week, and the time.
 * @param {Date} moment
 * @param {string} language
 * @returns {string}
 */
export function soon(moment, language) {
  const words = { weekday: "short", hour: "numeric", minute: "2-digit" };
  return new Intl.DateTimeFormat(language, /** @type {Intl.DateTimeFormatOptions} */ (words)).format(moment);
}

/**
 * Until when something may be snoozed, by the clock on the wall.
 * @param {Date} now
 * @returns {{ text: "snooze_hour" | "snooze_tomorrow" | "snooze_week", until: Date }[]}
 */
export function snoozes(now) {
  const morning = (/** @type {number} */ days) =>
    new Date(now.getFullYear(), now.getMonth(), now.getDate() + days, 9, 0, 0);
  // Monday is a day of another week.
  const toMonday = (8 - now.getDay()) % 7 || 7;
  return [
    { text: "snooze_hour", until: new Date(now.getTime() + 3_600_000) },
    { text: "snooze_tomorrow", until: morning(1) },
    { text: "snooze_week", until: morning(toMonday) },
  ];
}

/**
 * Whether a moment is to come.
 * @param {string | null | undefined} moment RFC 3339
 * @returns {boolean}
 */
export function isAhead(moment) {
  return moment != null && Date.parse(moment) > Date.now();
}
