//! Sizes that the contract or a protocol fixes.

/// Longest `idempotency_key`, in characters.
pub const IDEMPOTENCY_KEY_CHARS: usize = 255;

/// Furthest that `send_at` may lie ahead, in days: partitions are kept as long as they hold live
/// rows, so that a bound is needed.
pub const SEND_AT_DAYS: i64 = 366;

/// Most retries that an envelope may ask for.
pub const MAX_RETRIES: u16 = 100;

/// Retries when the envelope does not say.
pub const DEFAULT_RETRIES: u16 = 5;

/// Highest daily cap: the reservations of a person's day stand in one row.
pub const FREQUENCY_CAP: i64 = 1_000;

/// Most live devices of a person.
pub const DEVICES: usize = 100;

/// Longest detail of a provider's answer that is kept, in bytes.
pub const DETAIL_BYTES: usize = 500;

/// Most attempt records kept for one notification: beyond, the oldest of the middle are dropped that
/// nothing follows from.
pub const ATTEMPT_RECORDS: usize = 50;

/// Most items of a digest: with the last it closes, and the next one opens another. All of its runs are closed by one
/// transaction.
pub const MOST_DIGEST_ITEMS: u32 = 10_000;
