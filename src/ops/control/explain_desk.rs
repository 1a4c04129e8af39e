//! Explaining notifications, as the HTTP API asks for it.

use std::sync::Arc;

use super::desk::{Desk, DeskError};
use super::{AcceptOrder, Refusal, ShownExplanation};
use crate::ops::explain::{Explained, Explainer};
use crate::store::{Database, tenants};

/// Says what would become of notifications. Clones share it.
#[derive(Debug, Clone)]
pub struct ExplainDesk {
    desk: Desk,
    explainer: Arc<Explainer>,
}

/// What would become of a notification, or why it would not be accepted.
pub type ExplainedOrder = Result<ShownExplanation, Refusal>;

impl ExplainDesk {
    /// A desk with an explainer.
    #[must_use]
    pub fn new(desk: Desk, explainer: Explainer) -> Self {
        let explainer = Arc::new(explainer);
        Self { desk, explainer }
    }

    /// What would become of a notification if it were accepted now. Nothing comes of asking. Only an `operator` is
    /// told what operators said of accounts.
    ///
    /// # Errors
    /// There is no such tenant; something stored cannot be read; or the database is out of reach.
    pub async fn explain(
        &self,
        order: AcceptOrder,
        operator: bool,
    ) -> Result<ExplainedOrder, DeskError> {
        let explainer = Arc::clone(&self.explainer);
        let work = async move |database: Database| {
            let envelope = order.envelope;
            let mut connection = database.get().await?;
            let known = tenants::known(&mut connection, &[envelope.tenant_id]).await?;
            drop(connection);
            if known.is_empty() {
                return Err(DeskError::NotFound("tenant"));
            }
            let explained = explainer.explain_envelope(envelope, operator).await?;
            Ok(match explained {
                Explained::Rejected(refusal) => Err(refusal),
                explained => Ok(ShownExplanation::from(&explained)),
            })
        };
        self.desk.with("explain a notification", work).await
    }
}
