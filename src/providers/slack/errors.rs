//! Slack's error words, as data. What is not here is read by its HTTP status, and ends nothing.

use crate::domain::Reason;
use crate::providers::verdict::Verdict;

const NO_SUCH_CHANNEL: Verdict = Verdict::permanent(Reason::InvalidRecipient);
const BAD_CONTENT: Verdict = Verdict::permanent(Reason::ContentRefused);
const TOO_LARGE: Verdict = Verdict::permanent(Reason::MessageTooLarge);

/// Word and verdict. Slack: `chat.postMessage`, errors; "Sending messages using incoming
/// webhooks", handling errors.
const TABLE: &[(&str, Verdict)] = &[
    ("channel_not_found", NO_SUCH_CHANNEL),
    ("is_archived", NO_SUCH_CHANNEL),
    ("channel_is_archived", NO_SUCH_CHANNEL),
    ("user_not_found", NO_SUCH_CHANNEL),
    ("cannot_dm_bot", NO_SUCH_CHANNEL),
    ("messages_tab_disabled", NO_SUCH_CHANNEL),
    ("no_text", BAD_CONTENT),
    ("invalid_payload", BAD_CONTENT),
    ("invalid_blocks", BAD_CONTENT),
    ("invalid_blocks_format", BAD_CONTENT),
    ("markdown_text_conflict", BAD_CONTENT),
    ("too_many_attachments", BAD_CONTENT),
    ("msg_too_long", TOO_LARGE),
    ("msg_blocks_too_long", TOO_LARGE),
    ("attachment_payload_limit_exceeded", TOO_LARGE),
    ("metadata_too_large", TOO_LARGE),
    ("invalid_auth", Verdict::CREDENTIALS),
    ("account_inactive", Verdict::CREDENTIALS),
    ("token_revoked", Verdict::CREDENTIALS),
    ("token_expired", Verdict::CREDENTIALS),
    ("not_authed", Verdict::CREDENTIALS),
    ("missing_scope", Verdict::CREDENTIALS),
    ("not_allowed_token_type", Verdict::CREDENTIALS),
    ("two_factor_setup_required", Verdict::CREDENTIALS),
    // A webhook's URL is its credential: these say that it is void.
    ("invalid_token", Verdict::CREDENTIALS),
    ("no_service", Verdict::CREDENTIALS),
    ("no_service_id", Verdict::CREDENTIALS),
    ("no_active_hooks", Verdict::CREDENTIALS),
    ("no_team", Verdict::CREDENTIALS),
    ("team_disabled", Verdict::CREDENTIALS),
    ("team_not_found", Verdict::CREDENTIALS),
    // The workspace lets the app do nothing from here.
    ("accesslimited", Verdict::SETTINGS),
    ("access_denied", Verdict::SETTINGS),
    ("org_login_required", Verdict::SETTINGS),
    ("ekm_access_denied", Verdict::SETTINGS),
    ("enterprise_is_restricted", Verdict::SETTINGS),
    ("team_access_not_granted", Verdict::SETTINGS),
    ("no_permission", Verdict::SETTINGS),
    ("deprecated_endpoint", Verdict::SETTINGS),
    ("method_deprecated", Verdict::SETTINGS),
    ("unknown_method", Verdict::SETTINGS),
    // Another app or token may post there.
    ("not_in_channel", Verdict::NOT_BY_ACCOUNT),
    ("restricted_action", Verdict::NOT_BY_ACCOUNT),
    (
        "restricted_action_read_only_channel",
        Verdict::NOT_BY_ACCOUNT,
    ),
    (
        "restricted_action_thread_only_channel",
        Verdict::NOT_BY_ACCOUNT,
    ),
    (
        "restricted_action_non_threadable_channel",
        Verdict::NOT_BY_ACCOUNT,
    ),
    ("action_prohibited", Verdict::NOT_BY_ACCOUNT),
    ("posting_to_general_channel_denied", Verdict::NOT_BY_ACCOUNT),
    ("ratelimited", Verdict::ADDRESS_THROTTLED),
    ("rate_limited", Verdict::ADDRESS_THROTTLED),
    // Of the whole workspace.
    ("message_limit_exceeded", Verdict::THROTTLED),
    ("internal_error", Verdict::TRANSIENT),
    ("fatal_error", Verdict::TRANSIENT),
    ("request_timeout", Verdict::TRANSIENT),
    ("service_unavailable", Verdict::TRANSIENT),
    ("team_added_to_org", Verdict::TRANSIENT),
    ("external_channel_migrating", Verdict::ADDRESS_BUSY),
    ("rollup_error", Verdict::TRANSIENT),
];

/// What a word means, if it is known.
pub(crate) fn verdict(word: &str) -> Option<Verdict> {
    let known = TABLE.iter().find(|(known, _)| *known == word);
    known.map(|(_, verdict)| *verdict)
}
