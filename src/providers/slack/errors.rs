//! Slack's error words, as data. What is not here is read by its HTTP status, and ends nothing.

use crate::domain::Reason;
use crate::providers::verdict::ResponseClass;

const NO_SUCH_CHANNEL: ResponseClass = ResponseClass::permanent(Reason::InvalidRecipient);
const BAD_CONTENT: ResponseClass = ResponseClass::permanent(Reason::ContentRefused);
const TOO_LARGE: ResponseClass = ResponseClass::permanent(Reason::MessageTooLarge);

/// Word and verdict. Slack: `chat.postMessage`, errors; "Sending messages using incoming
/// webhooks", handling errors.
const TABLE: &[(&str, ResponseClass)] = &[
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
    ("invalid_auth", ResponseClass::CREDENTIALS),
    ("account_inactive", ResponseClass::CREDENTIALS),
    ("token_revoked", ResponseClass::CREDENTIALS),
    ("token_expired", ResponseClass::CREDENTIALS),
    ("not_authed", ResponseClass::CREDENTIALS),
    ("missing_scope", ResponseClass::CREDENTIALS),
    ("not_allowed_token_type", ResponseClass::CREDENTIALS),
    ("two_factor_setup_required", ResponseClass::CREDENTIALS),
    // A webhook's URL is its credential: these say that it is void.
    ("invalid_token", ResponseClass::CREDENTIALS),
    ("no_service", ResponseClass::CREDENTIALS),
    ("no_service_id", ResponseClass::CREDENTIALS),
    ("no_active_hooks", ResponseClass::CREDENTIALS),
    ("no_team", ResponseClass::CREDENTIALS),
    ("team_disabled", ResponseClass::CREDENTIALS),
    ("team_not_found", ResponseClass::CREDENTIALS),
    // The workspace lets the app do nothing from here.
    ("accesslimited", ResponseClass::SETTINGS),
    ("access_denied", ResponseClass::SETTINGS),
    ("org_login_required", ResponseClass::SETTINGS),
    ("ekm_access_denied", ResponseClass::SETTINGS),
    ("enterprise_is_restricted", ResponseClass::SETTINGS),
    ("team_access_not_granted", ResponseClass::SETTINGS),
    ("no_permission", ResponseClass::SETTINGS),
    ("deprecated_endpoint", ResponseClass::SETTINGS),
    ("method_deprecated", ResponseClass::SETTINGS),
    ("unknown_method", ResponseClass::SETTINGS),
    // Another app or token may post there.
    ("not_in_channel", ResponseClass::NOT_BY_ACCOUNT),
    ("restricted_action", ResponseClass::NOT_BY_ACCOUNT),
    (
        "restricted_action_read_only_channel",
        ResponseClass::NOT_BY_ACCOUNT,
    ),
    (
        "restricted_action_thread_only_channel",
        ResponseClass::NOT_BY_ACCOUNT,
    ),
    (
        "restricted_action_non_threadable_channel",
        ResponseClass::NOT_BY_ACCOUNT,
    ),
    ("action_prohibited", ResponseClass::NOT_BY_ACCOUNT),
    (
        "posting_to_general_channel_denied",
        ResponseClass::NOT_BY_ACCOUNT,
    ),
    ("ratelimited", ResponseClass::ADDRESS_THROTTLED),
    ("rate_limited", ResponseClass::ADDRESS_THROTTLED),
    // Of the whole workspace.
    ("message_limit_exceeded", ResponseClass::THROTTLED),
    ("internal_error", ResponseClass::TRANSIENT),
    ("fatal_error", ResponseClass::TRANSIENT),
    ("request_timeout", ResponseClass::TRANSIENT),
    ("service_unavailable", ResponseClass::TRANSIENT),
    ("team_added_to_org", ResponseClass::TRANSIENT),
    ("external_channel_migrating", ResponseClass::ADDRESS_BUSY),
    ("rollup_error", ResponseClass::TRANSIENT),
];

/// What a word means, if it is known.
pub(crate) fn verdict(word: &str) -> Option<ResponseClass> {
    let known = TABLE.iter().find(|(known, _)| *known == word);
    known.map(|(_, verdict)| *verdict)
}
