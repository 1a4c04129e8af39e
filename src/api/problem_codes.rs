//! Every kind of problem, explained: for `/docs/problems` and the OpenAPI document.

/// A kind of problem.
#[derive(Debug, Clone, Copy)]
pub(super) struct ProblemCode {
    /// The status that it comes with.
    pub(super) status: u16,
    /// Its stable word.
    pub(super) code: &'static str,
    /// What it means, and what to do.
    pub(super) meaning: &'static str,
}

const fn code(status: u16, code: &'static str, meaning: &'static str) -> ProblemCode {
    ProblemCode {
        status,
        code,
        meaning,
    }
}

/// All of them, by status.
pub(super) const CODES: &[ProblemCode] = &[
    code(
        400,
        "malformed_json",
        "The body is no JSON object in UTF-8, has a key twice, or broke off. `detail` says where.",
    ),
    code(
        400,
        "invalid_header",
        "A header cannot be read; `detail` names it. `Herald-Tenant` is a UUID.",
    ),
    code(
        400,
        "idempotency_key_differs",
        "The header `Idempotency-Key` and the field `idempotency_key` say different keys. Give one of them.",
    ),
    code(
        400,
        "malformed_form",
        "The body is no form in `multipart/form-data`, or broke off.",
    ),
    code(
        401,
        "missing_key",
        "There is no header `Authorization: Bearer hk_...`.",
    ),
    code(
        401,
        "invalid_key",
        "The API key is mistyped, unknown, revoked or expired; `detail` says which.",
    ),
    code(
        401,
        "missing_token",
        "There is no header `Authorization: Bearer <user token>`. `POST /v1/users/{id}/token` issues a token.",
    ),
    code(
        401,
        "invalid_token",
        "The user token opens nothing; `detail` says why. Get another one.",
    ),
    code(
        401,
        "token_expired",
        "The user token's time is over. Get another one.",
    ),
    code(
        403,
        "missing_scope",
        "The API key lacks the scope that `detail` names. Ask for a key that has it.",
    ),
    code(
        403,
        "address_not_allowed",
        "The API key may not be used from this address: see its `networks`.",
    ),
    code(
        403,
        "operator_required",
        "This belongs to all tenants, and the API key to one. Ask an operator.",
    ),
    code(
        403,
        "user_token_required",
        "This is a person's own, and no API key opens it. Send a user token: `POST /v1/users/{id}/token` issues one.",
    ),
    code(
        403,
        "user_token_not_allowed",
        "A user token opens the person's own inbox, preferences, devices and tickets, and nothing else. Ask with an API key.",
    ),
    code(
        403,
        "missing_grant",
        "The user token lacks the grant that `detail` names. Ask for a token that has it.",
    ),
    code(
        403,
        "events_refused",
        "The call is not shown to be the provider's, or the account takes no events; `detail` says why. Nothing was read.",
    ),
    code(
        403,
        "mail_refused",
        "The mail is not shown to be handed over by the carrier; `detail` says why. Nothing of it was read.",
    ),
    code(
        403,
        "staff_only",
        "Whoever asked for a ticket may comment on it; the rest is for those who work on it.",
    ),
    code(
        404,
        "not_found",
        "There is nothing here, or it is another tenant's.",
    ),
    code(
        405,
        "method_not_allowed",
        "There is something here, but this cannot be done with it. `Allow` lists what can.",
    ),
    code(
        408,
        "timeout",
        "The body did not end in time. Send it in one go.",
    ),
    code(
        409,
        "key_in_progress",
        "A message with this idempotency key is being worked on, and not stored yet. Try again in a moment.",
    ),
    code(
        409,
        "too_late",
        "What waits no longer cannot be cancelled; `state` says where it stands. `in_flight` may change: ask again.",
    ),
    code(
        409,
        "not_replayed",
        "The dead letter is left alone; `state` says why: its notification has expired, is not wanted, or has nobody to go to.",
    ),
    code(
        409,
        "already_resolved",
        "Somebody has dealt with this dead letter before.",
    ),
    code(
        409,
        "job_ended",
        "The job is finished or cancelled, and cannot go on.",
    ),
    code(
        409,
        "no_draft",
        "The workflow has no draft that could be published. Save one by PUT.",
    ),
    code(
        409,
        "name_taken",
        "Another one of the tenant has this name. Choose another name, or change that one.",
    ),
    code(
        409,
        "test_address_not_allowed",
        "Test messages go to the addresses of the setting http.test_addresses alone. Name the address there.",
    ),
    code(
        409,
        "paused",
        "Somebody has stopped the provider for a while. Resume it, or wait.",
    ),
    code(
        409,
        "limit_used_up",
        "The provider's rate limit is used up for the moment; `detail` says how long. Try again then.",
    ),
    code(
        409,
        "unreadable",
        "What is stored cannot be read, for its secrets were sealed with a key that is not configured. Configure \
         that key, or delete the thing and make it anew.",
    ),
    code(
        409,
        "webhook_disabled",
        "Nothing is sent to a disabled webhook. Set `is_active` first.",
    ),
    code(
        409,
        "recipient_conflict",
        "The e-mail address, username or external id belongs to another user of the tenant; `detail` says which.",
    ),
    code(
        409,
        "user_exists",
        "The tenant has a user of this id. Change them by PATCH, or replace them by PUT.",
    ),
    code(
        409,
        "too_many_devices",
        "The user has as many live devices as they may. Remove one that they no longer use.",
    ),
    code(
        409,
        "kid_taken",
        "A live token key of the tenant has this `kid`. Revoke it first, or choose another one.",
    ),
    code(
        409,
        "too_many_token_keys",
        "The tenant has as many live token keys as it may. Revoke one that signs no longer.",
    ),
    code(
        409,
        "tenant_exists",
        "There is a tenant of this id. Replace it by PUT.",
    ),
    code(
        409,
        "snoozed",
        "What is snoozed cannot be marked or pressed before it is back: end the snooze first.",
    ),
    code(
        409,
        "in_use",
        "Other things name this one; `detail` says which. Remove them first.",
    ),
    code(
        409,
        "category_required",
        "Messages of this category are always sent, so that nobody can switch them off.",
    ),
    code(
        409,
        "key_opens_more",
        "An API key that opens more than the one that asks can be revoked by it, but not changed.",
    ),
    code(
        409,
        "status_not_allowed",
        "The status does not follow the one that the ticket has, which `state` says.",
    ),
    code(
        409,
        "ticket_merged",
        "Another ticket goes on with this one: `merged_into` names it.",
    ),
    code(
        409,
        "merge_not_allowed",
        "A ticket is merged into another one of the same requester that was not merged itself.",
    ),
    code(
        409,
        "highest_level",
        "The ticket is at the highest level already.",
    ),
    code(
        409,
        "inactive_category",
        "No new tickets are taken in this category.",
    ),
    code(
        409,
        "too_many_attachments",
        "The ticket has as many attachments as one may have. Remove one first.",
    ),
    code(
        412,
        "changed_meanwhile",
        "The ticket was changed since the version in `If-Match`. Read it again, and look what was changed.",
    ),
    code(
        413,
        "too_large",
        "The body is larger than the route takes; `detail` says how large it may be.",
    ),
    code(
        415,
        "unsupported_media_type",
        "The body is not `application/json` in UTF-8 (`message/rfc822` where mail is handed over), or it is compressed.",
    ),
    code(
        416,
        "range_not_satisfiable",
        "The file ends before the range begins; `Content-Range` says how long it is.",
    ),
    code(
        422,
        "invalid_body",
        "The body is JSON, but not what is expected. `errors` lists every mistake.",
    ),
    code(
        422,
        "idempotency_key_reused",
        "The idempotency key stands for a notification with other content. Nothing is sent; use another key.",
    ),
    code(
        422,
        "unknown_user",
        "There is no such person in the tenant, and no `recipient` that describes one.",
    ),
    code(422, "empty_file", "There is nothing in the file."),
    code(
        422,
        "unknown_staff",
        "Somebody that is named works not at the support desk: `PUT /v1/staff/{id}` first.",
    ),
    code(
        422,
        "unknown_template",
        "The tenant has no active template of this name for the channel.",
    ),
    code(
        422,
        "unknown_provider",
        "`provider` names no account of the channel.",
    ),
    code(
        422,
        "recipient_conflict",
        "The e-mail address or username in `recipient` belongs to another person, or the person to another tenant.",
    ),
    code(
        422,
        "bad_address",
        "An address is none of its channel. `errors` says which.",
    ),
    code(
        422,
        "invalid_query",
        "The query is not what is expected. `errors` lists every mistake.",
    ),
    code(
        429,
        "rate_limited",
        "The API key, or the person, has used up their limit for now. `Retry-After` says for how many seconds to wait.",
    ),
    code(
        429,
        "too_many_streams",
        "The person, or this node, has as many streams open as it may; `detail` says which. Close one, or try again.",
    ),
    code(
        429,
        "too_many_attempts",
        "Too many keys or tokens that open nothing came from this address. `Retry-After` says how long to wait.",
    ),
    code(
        500,
        "internal",
        "The engine is at fault. Its log has the request's id.",
    ),
    code(
        503,
        "overloaded",
        "Too much waits to be accepted. Nothing was stored; `Retry-After` says when to try again.",
    ),
    code(
        503,
        "unavailable",
        "The database does not answer at the moment. Nothing was changed; `Retry-After` says when to try again.",
    ),
];

/// What a code means, if it is known.
pub(super) fn meaning(status: u16, code: &str) -> Option<&'static str> {
    let mut known = CODES.iter();
    known
        .find(|it| it.status == status && it.code == code)
        .map(|it| it.meaning)
}
