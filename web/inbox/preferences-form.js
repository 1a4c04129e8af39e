// What a person may choose: switches for channels and categories, quiet hours, a time zone.

import { make, say } from "./dom.js";

/**
 * @typedef {object} Choice
 * @property {string} channel
 * @property {string} [category]
 * @property {boolean} enabled
 * @property {boolean} [required] whether it cannot be switched off
 *
 * @typedef {object} ChannelChoice
 * @property {string} channel
 * @property {boolean} enabled
 * @property {boolean} stopped whether nothing is sent there for another reason
 * @property {Choice[]} categories
 *
 * @typedef {object} QuietHours
 * @property {string} channel `all` for everything
 * @property {string} [category]
 * @property {string | null} start `HH:MM`
 * @property {string | null} end
 * @property {string[]} days
 * @property {string} timezone by whose clock
 *
 * @typedef {object} Choices
 * @property {boolean} enabled whether anything is sent at all
 * @property {string | null} timezone
 * @property {ChannelChoice[]} channels
 * @property {QuietHours[]} quiet_hours
 *
 * @typedef {import("./texts.js").Texts} Texts
 * @typedef {(change: Record<string, unknown>) => void} Changed
 */

/** The days of a week, as Herald writes them. */
const DAYS = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];

/**
 * The whole form.
 * @param {Choices} choices
 * @param {Texts} texts
 * @param {Changed} changed
 * @returns {HTMLElement[]}
 */
export function form(choices, texts, changed) {
  return [received(choices, texts, changed), quiet(choices, texts, changed)];
}

/** @param {Choices} choices @param {Texts} texts @param {Changed} changed */
function received(choices, texts, changed) {
  const everything = { channel: "all", enabled: choices.enabled };
  const channels = choices.channels.map((it) => channel(it, choices.enabled, texts, changed));
  return make(
    "section",
    { part: "channels", "aria-labelledby": "what" },
    make("h2", { id: "what", part: "heading" }, texts.say("what_title")),
    make("p", {}, texts.say(choices.enabled ? "what" : "all_off")),
    toggle(texts.say("everything"), everything, { texts, changed, isFree: true }),
    ...channels,
  );
}

/** @param {ChannelChoice} choice @param {boolean} isAnything @param {Texts} texts @param {Changed} changed */
function channel(choice, isAnything, texts, changed) {
  const name = channelName(choice.channel, texts);
  const stopped = choice.stopped ? [make("p", { class: "stopped" }, texts.say("stopped"))] : [];
  const isFree = isAnything && choice.enabled;
  const categories = choice.categories.map((it) =>
    toggle(it.category ?? "", { ...it, channel: choice.channel }, { texts, changed, isFree }),
  );
  return make(
    "fieldset",
    { part: "channel" },
    make("legend", {}, name),
    ...stopped,
    toggle(name, choice, { texts, changed, isFree: isAnything }),
    ...categories,
  );
}

/**
 * A switch. What is required is shown, and cannot be changed.
 * @param {string} name
 * @param {Choice | ChannelChoice} choice
 * @param {{ texts: Texts, changed: Changed, isFree: boolean }} showing
 */
function toggle(name, choice, { texts, changed, isFree }) {
  const { channel } = choice;
  const category = "category" in choice ? choice.category : undefined;
  const isRequired = "required" in choice && choice.required === true;
  const input = make("input", {
    type: "checkbox",
    role: "switch",
    part: "switch",
    disabled: isRequired || !isFree,
    "data-key": `${channel}/${category ?? ""}`,
    change: () => changed({ preference: { ...about(channel, category), enabled: input.checked } }),
  });
  input.checked = choice.enabled;
  const hint = isRequired ? [make("small", {}, texts.say("always"))] : [];
  return make("label", { class: "switch" }, input, make("span", {}, name), ...hint);
}

/**
 * What a preference is about.
 * @param {string} channel
 * @param {string} [category]
 */
function about(channel, category) {
  if (channel === "all") return category ? { category } : { channel };
  return category ? { channel, category } : { channel };
}

/** @param {string} channel @param {Texts} texts */
function channelName(channel, texts) {
  return texts.say(`channel_${channel}`);
}

/** @param {Choices} choices @param {Texts} texts @param {Changed} changed */
function quiet(choices, texts, changed) {
  const each = choices.quiet_hours.map((it) => hours(it, choices.timezone ?? "UTC", texts, changed));
  return make(
    "section",
    { part: "quiet-hours", "aria-labelledby": "quiet" },
    make("h2", { id: "quiet", part: "heading" }, texts.say("quiet_title")),
    make("p", {}, texts.say("quiet")),
    ...each,
    zoneChoice(choices.timezone, texts, changed),
  );
}

/** @param {QuietHours} said @param {string} zone the person's @param {Texts} texts @param {Changed} changed */
function hours(said, zone, texts, changed) {
  const key = `${said.channel}/${said.category ?? ""}`;
  const of = said.channel === "all" && !said.category ? texts.say("everything") : what(said, texts);
  const time = (/** @type {string} */ name, /** @type {string | null} */ value) =>
    make("input", { type: "time", required: true, value: value ?? "", "data-key": `${key}/${name}` });
  const [start, end] = [time("start", said.start), time("end", said.end)];
  const days = DAYS.map((day) => make("input", { type: "checkbox", value: day, "data-key": `${key}/${day}` }));
  for (const day of days) day.checked = said.days.length === 0 || said.days.includes(day.value);
  const scope = about(said.channel, said.category);
  const save = () => {
    const chosen = days.filter((it) => it.checked).map((it) => it.value);
    days[0].setCustomValidity(chosen.length === 0 ? texts.say("bad_hours") : "");
    if (![start, end, days[0]].every((it) => it.reportValidity())) return;
    // Every day is said by naming none.
    const some = chosen.length < DAYS.length && { quiet_hours_days: chosen };
    changed({ preference: { ...scope, quiet_hours_start: start.value, quiet_hours_end: end.value, ...some } });
  };
  const none = () => changed({ preference: { ...scope, quiet_hours: "none" } });
  const button = { type: "button", class: "quiet-button" };
  return make(
    "fieldset",
    { part: "quiet" },
    make("legend", {}, of),
    ...(said.start === null ? [make("p", {}, texts.say("no_quiet"))] : []),
    ...(said.start !== null && said.timezone !== zone ? [make("p", {}, `${texts.say("zone")}: ${said.timezone}`)] : []),
    make("div", { class: "hours" }, field(texts.say("start"), start), field(texts.say("end"), end)),
    make("fieldset", { class: "days" }, make("legend", {}, texts.say("days")), ...days.map((it) => dayOf(it, texts))),
    make(
      "div",
      { class: "buttons" },
      make("button", { type: "button", class: "solid", "data-key": `${key}/save`, click: save }, texts.say("save")),
      ...(said.start === null
        ? []
        : [make("button", { ...button, "data-key": `${key}/none`, click: none }, texts.say("quiet_off"))]),
    ),
  );
}

/** @param {{ channel: string, category?: string }} of @param {Texts} texts */
function what({ channel, category }, texts) {
  const name = channel === "all" ? "" : channelName(channel, texts);
  return [category, name].filter(Boolean).join(" · ");
}

/** @param {string} name @param {HTMLElement} input */
function field(name, input) {
  return make("label", {}, name, input);
}

/** @param {HTMLInputElement} input @param {Texts} texts */
function dayOf(input, texts) {
  // The 1st of January 2024 was a Monday.
  const day = new Date(Date.UTC(2024, 0, 1 + DAYS.indexOf(input.value)));
  const name = new Intl.DateTimeFormat(texts.language, { weekday: "short", timeZone: "UTC" }).format(day);
  return make("label", {}, input, name);
}

/** @param {string | null} said @param {Texts} texts @param {Changed} changed */
function zoneChoice(said, texts, changed) {
  const known = new Set(["UTC", ...Intl.supportedValuesOf("timeZone"), ...(said ? [said] : [])]);
  const options = [...known].sort().map((name) => make("option", { value: name }, name.replaceAll("_", " ")));
  const change = () => changed({ timezone: select.value });
  const select = make("select", { part: "zone", "data-key": "zone", change }, ...options);
  select.value = said ?? "UTC";
  const label = make("label", { class: "zone" }, make("span"), select);
  say(/** @type {Element} */ (label.firstElementChild), texts.say("zone"));
  return label;
}
