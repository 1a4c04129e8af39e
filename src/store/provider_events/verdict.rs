//! Whether an event is about the notification that it names.

/// What a notification `n` says to an event that names it: `own`, it is about it; `unsure`, somebody has it in hand, and
/// nobody knows yet through which account; or why it is not about it, a word of `EventMisnaming`. A return path is signed
/// with the account's secret, and a report has its own rule for addresses. `$account` tells the event, and may speak for
/// `$others`. Without its first attempt, a run that died may have asked anybody. A text's id is one number's, however
/// the provider spells that.
macro_rules! verdict {
    ($named_by:literal, $account:literal, $others:literal, $address:literal, $message_id:literal) => {
        concat!(
            "CASE
                 WHEN ",
            $named_by,
            " IS DISTINCT FROM 'id' THEN 'own'
                 WHEN (coalesce(n.provider = ",
            $account,
            " OR n.provider = ANY (",
            $others,
            "), false)
                       OR EXISTS (SELECT FROM jsonb_path_query(n.attempts, '$[*]') AS line
                                  WHERE line ->> 'provider' = ",
            $account,
            " OR line ->> 'provider' = ANY (",
            $others,
            ") OR line ->> 'step' = 'node_died')) IS NOT TRUE
                 THEN CASE WHEN n.status = 'pending' AND n.owner IS NOT NULL THEN 'unsure' ELSE 'other_account' END
                 WHEN ",
            $address,
            " <> n.recipient AND NOT (n.message_type = 'sms' AND coalesce(",
            $message_id,
            " = n.provider_message_id, false))
                 THEN 'other_address'
                 ELSE 'own' END AS verdict"
        )
    };
}
pub(super) use verdict;
