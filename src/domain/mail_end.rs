//! What became of a mail to the support desk, in the words that metrics share.

use super::vocabulary::vocabulary;

vocabulary! {
    /// What became of a mail that was handed over.
    MailEnd {
        /// It is a comment, which is told.
        Told = "told",
        /// A machine wrote it, or too many came: it is a comment of which nobody is told.
        Quiet = "quiet",
        /// Nobody of its ticket sent it: it is a comment for staff alone.
        OfStranger = "of_stranger",
        /// It was taken before.
        Duplicate = "duplicate",
        /// Far too many came: it was dropped.
        Flood = "flood",
        /// It is to no ticket: it was dropped.
        NoTicket = "no_ticket",
        /// It cannot be read: it was dropped.
        Malformed = "malformed",
        /// It is not signed, or not by whom it should be: nothing of it was read.
        Refused = "refused",
    }
}
