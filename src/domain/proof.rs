//! Proof that somebody outside of this process answers for a message.

/// Says that a delivery may be acknowledged: PostgreSQL holds what became of its message, or RabbitMQ
/// holds it in `herald.rejected`.
///
/// For types that nobody can make but the one function that has seen it, in the arm of its success.
/// So no error leads to an acknowledgement, whatever is written between the two.
pub trait Proof {}
