//! When a claim is over.

/// Whether the claim `d` may be forgotten, or taken by a message that is new: its window is over, and so is
/// what it stands for. That still waits, or is in quarantine, or is in the hands of a living run that has not
/// stored it yet, however long that takes: a repetition is a repetition. Looked up only when the window
/// is over, by sub-queries that stay ones.
macro_rules! is_over {
    () => {
        "d.expires_at <= now() AND coalesce(
             (SELECT n.status <> 'pending' FROM notifications n WHERE n.id = d.notification_id LIMIT 1),
             (d.owner IS NULL OR is_dead_run(d.owner)) AND NOT EXISTS (
                 SELECT FROM notification_quarantine q WHERE q.notification_id = d.notification_id
                     AND q.resolved_at IS NULL))"
    };
}
pub(in crate::store) use is_over;
