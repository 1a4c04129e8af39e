// Herald's web components: <herald-inbox> and <herald-preferences>. docs/inbox.md says how they are used.

import { HeraldInbox } from "./inbox/inbox-element.js";
import { HeraldPreferences } from "./inbox/preferences-element.js";

export { HeraldInbox, HeraldPreferences };

const elements = { "herald-inbox": HeraldInbox, "herald-preferences": HeraldPreferences };

// A page may load the script twice.
for (const [name, element] of Object.entries(elements)) {
  if (!customElements.get(name)) customElements.define(name, element);
}
