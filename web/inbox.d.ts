/** Herald's web components: `<herald-inbox>` and `<herald-preferences>`. docs/inbox.md tells how they are used. */

/** Which items a list has. */
export type InboxFilter = "all" | "unread" | "archived" | "snoozed";

/** A number, exact to 100, then `"100+"`. */
export type InboxCount = number | string;

/** How many items are new. */
export interface InboxCounts {
  unseen: InboxCount;
  unread: InboxCount;
}

/** A button of an item. */
export interface InboxAction {
  id: string;
  label: string;
  url?: string | null;
  primary?: boolean;
  /** When it was pressed, RFC 3339. */
  done_at?: string | null;
}

/** A notification in a person's inbox. Times are RFC 3339; `null` is "not yet". */
export interface InboxItem {
  id: string;
  /** When it came; when it came again, after a snooze. */
  delivered_at: string;
  title?: string | null;
  body?: string | null;
  url?: string | null;
  data?: unknown;
  category?: string | null;
  tags: string[];
  actions: InboxAction[];
  /** What it is about. */
  source?: { type: string; id: string } | null;
  expires_at?: string | null;
  seen_at?: string | null;
  read_at?: string | null;
  /** When a button was pressed. */
  interacted_at?: string | null;
  archived_at?: string | null;
  deleted_at?: string | null;
  snoozed_until?: string | null;
}

/** Gives a user token; it is asked for when there is none, and when the last one ends or is refused. */
export type GetToken = () => Promise<string> | string;

/** Texts by name; those that are left out are as they are. */
export type ComponentTexts = Record<string, string>;

/** What both components have. */
export interface HeraldElement extends HTMLElement {
  /** Where Herald is; where the script came from without it. Attribute `base-url`. */
  baseUrl: string;
  /** Whose it is; another id begins anew. Attribute `user-id`. */
  userId: string | null;
  /** The page's way to a user token. */
  getToken: GetToken | null;
  /** Own texts. */
  texts: ComponentTexts;
}

/** A bell with its count, and the list of a person's notifications. */
export interface HeraldInboxElement extends HeraldElement {
  /** Opens the list. */
  show(): void;
  /** Closes it. */
  hide(): void;
  /** Reads the list anew. */
  refresh(): Promise<void>;
  addEventListener<Name extends keyof HeraldInboxEventMap>(
    type: Name,
    listener: (event: HeraldInboxEventMap[Name]) => void,
    options?: boolean | AddEventListenerOptions,
  ): void;
  addEventListener(
    type: string,
    listener: EventListenerOrEventListenerObject,
    options?: boolean | AddEventListenerOptions,
  ): void;
}

/** What a person wants: channels, categories, quiet hours, time zone. */
export interface HeraldPreferencesElement extends HeraldElement {
  /** Reads it anew. */
  refresh(): Promise<void>;
}

/** What went wrong: a problem's code, `unreachable`, or `token`. */
export interface HeraldErrorDetail {
  code: string;
  message: string;
  /** HTTP status; 0 without an answer. */
  status: number;
}

/** Events for the page around it. All bubble, and leave the shadow DOM. */
export interface HeraldInboxEventMap {
  /** An item is opened; `preventDefault` keeps the component from following its address. */
  "herald-item-open": CustomEvent<{ item: InboxItem }>;
  /** A button is pressed; `preventDefault` keeps the component from following its address. */
  "herald-action": CustomEvent<{ item: InboxItem; action: InboxAction }>;
  "herald-counts": CustomEvent<InboxCounts>;
  "herald-error": CustomEvent<HeraldErrorDetail>;
}

export declare const HeraldInbox: { new (): HeraldInboxElement; prototype: HeraldInboxElement };
export declare const HeraldPreferences: { new (): HeraldPreferencesElement; prototype: HeraldPreferencesElement };

declare global {
  interface HTMLElementTagNameMap {
    "herald-inbox": HeraldInboxElement;
    "herald-preferences": HeraldPreferencesElement;
  }
}
