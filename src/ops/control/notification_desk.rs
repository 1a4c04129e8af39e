//! Notifications, as the HTTP API may look at them.

use jiff::{SignedDuration, Timestamp};
use uuid::Uuid;

use super::desk::{Desk, DeskError};
use crate::cache::templates::source;
use crate::domain::person_link::EXAMPLE_URL;
use crate::domain::{Body, Channel, Content, TemplateCall};
use crate::runtime::{clock, stack};
use crate::store::notifications::{
    self, IdSpan, NotificationFilter, StoredContent, StoredNotification, WholeNotification, bound,
    moment,
};
use crate::store::{Database, recipients, rules};
use crate::templates::{Library, Limits, LocaleHints, TemplateSource};

/// Time that one page of a list looks at, at most: some partitions.
const SPAN: SignedDuration = SignedDuration::from_hours(31 * 24);

/// Whose notification: a tenant's, or any without one; and its id.
pub type NotificationOf = (Option<Uuid>, Uuid);

/// Looks at notifications. Clones share it.
#[derive(Debug, Clone)]
pub struct NotificationDesk {
    /// Does the work.
    pub desk: Desk,
    /// What a template may use when it is rendered again.
    pub limits: Limits,
}

/// Which part of a list is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ListPart {
    /// Accepted at this time or later.
    pub since: Option<Timestamp>,
    /// Accepted before this time.
    pub until: Option<Timestamp>,
    /// Older than this one.
    pub after: Option<Uuid>,
    /// Entries, at most.
    pub most: usize,
}

/// A page of a list.
#[derive(Debug, Clone, PartialEq)]
pub struct NotificationPage {
    /// The newest first; perhaps none.
    pub entries: Vec<StoredNotification>,
    /// Where the list goes on; `None` at its end.
    pub next: Option<Uuid>,
}

/// What a notification says, and how that is known.
#[derive(Debug, Clone, PartialEq)]
pub struct ReadContent {
    /// Where it stands.
    pub status: String,
    /// What it was rendered from again; `None` where the text itself is stored.
    pub rendered_from: Option<RenderedFrom>,
    /// What it says.
    pub content: Content,
}

/// A version of a template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RenderedFrom {
    /// Its name.
    pub template: String,
    /// The version that was rendered when it was sent.
    pub version: i32,
    /// Its language; `None` where the version exists in several.
    pub locale: Option<String>,
}

impl ListPart {
    /// The span of ids that a page looks at, and the first id that the whole list may have.
    fn span(&self, now: Timestamp) -> (IdSpan, Uuid) {
        let floor = self.since.map_or(Uuid::nil(), bound);
        let until = self.until.map_or(Uuid::max(), bound);
        let before = self.after.map_or(until, |after| after.min(until));
        let newest = moment(before).min(now);
        let from = newest.checked_sub(SPAN).map_or(Uuid::nil(), bound);
        let from = from.max(floor);
        (IdSpan { from, before }, floor)
    }
}

impl NotificationDesk {
    /// A notification with all that happened to it.
    ///
    /// # Errors
    /// There is none; or the database is out of reach.
    pub async fn get(
        &self,
        (tenant_id, id): NotificationOf,
    ) -> Result<WholeNotification, DeskError> {
        let work = async move |database: Database| {
            let mut connection = database.get().await?;
            let found = notifications::find(&mut connection, tenant_id, id).await?;
            found.ok_or(DeskError::NotFound("notification"))
        };
        self.desk.with("get a notification", work).await
    }

    /// A page of the notifications of a tenant, of all tenants without one, that a filter means.
    ///
    /// # Errors
    /// The database is out of reach.
    pub async fn page(
        &self,
        tenant_id: Option<Uuid>,
        filter: NotificationFilter,
        part: ListPart,
    ) -> Result<NotificationPage, DeskError> {
        let work = async move |database: Database| {
            let (span, floor) = part.span(clock::now());
            let mut connection = database.get().await?;
            let connection = &mut *connection;
            let most = part.most.saturating_add(1);
            let look = notifications::look(connection, tenant_id, &filter, span, most).await?;
            let mut entries = look.found;
            if entries.len() > part.most {
                entries.truncate(part.most);
                let next = entries.last().map(|last| last.id);
                return Ok(NotificationPage { entries, next });
            }
            let next = match look.stopped_at {
                Some(stopped_at) => Some(stopped_at),
                None if span.from > floor => {
                    let oldest = notifications::oldest(connection).await?;
                    oldest
                        .filter(|oldest| *oldest < span.from)
                        .map(|_| span.from)
                }
                None => None,
            };
            Ok(NotificationPage { entries, next })
        };
        self.desk.with("list notifications", work).await
    }

    /// What a notification says: as it was published, or rendered again from the version that was rendered when
    /// it was sent; an example stands for the person's link, which is theirs alone.
    ///
    /// # Errors
    /// There is none, or what it says is not known any more or not yet; or the database is out of reach.
    pub async fn content(&self, (tenant_id, id): NotificationOf) -> Result<ReadContent, DeskError> {
        let limits = self.limits;
        let work = async move |database: Database| {
            let mut connection = database.get().await?;
            let found = notifications::content(&mut connection, tenant_id, id).await?;
            let stored = found.ok_or(DeskError::NotFound("notification"))?;
            drop(connection);
            if stored.is_redacted {
                return Err(DeskError::NotFound(
                    "content: it was redacted, as `retention.payload_days` says",
                ));
            }
            match &stored.body {
                Err(_) => Err(DeskError::NotFound(
                    "content: it is gone, or in a newer form",
                )),
                Ok(Body::Content(content)) => Ok(ReadContent {
                    status: stored.status.clone(),
                    rendered_from: None,
                    content: content.clone(),
                }),
                Ok(Body::Template(call)) => again(&database, &stored, call, limits).await,
            }
        };
        self.desk.with("get content", work).await
    }
}

/// Renders the version that was rendered before.
async fn again(
    database: &Database,
    stored: &StoredContent,
    call: &TemplateCall,
    limits: Limits,
) -> Result<ReadContent, DeskError> {
    let gone = || DeskError::NotFound("content: the version of its template is gone");
    let version = stored
        .template_version
        .ok_or(DeskError::NotFound("content: it has not been rendered yet"))?;
    let channel: Channel = stored.channel.ok_or_else(gone)?;
    let tenant_id = stored.tenant_id;
    let mut connection = database.get().await?;
    let found =
        notifications::versions(&mut connection, tenant_id, channel, &call.name, version).await?;
    let person = match stored.user_id {
        Some(user_id) => {
            recipients::load(&connection, &[(tenant_id, user_id)])
                .await?
                .known
        }
        None => Default::default(),
    };
    let rules = rules::of(&connection, &[tenant_id]).await?.known;
    drop(connection);
    let recipient = person.into_values().next().and_then(|it| it.locale);
    let tenant = rules.into_values().next().and_then(|it| it.locale);
    let sources: Vec<TemplateSource> = found.into_iter().map(source).collect();
    let locale = match sources.as_slice() {
        [] => return Err(gone()),
        [only] => Some(only.locale.clone()),
        _ => None,
    };
    let asked = call.clone();
    let render = tokio::task::spawn_blocking(move || {
        stack::on_large(|| {
            let hints = LocaleHints {
                recipient: recipient.as_deref(),
                tenant: tenant.as_deref(),
            };
            let library = Library::compile(&sources, limits);
            let link = Some(EXAMPLE_URL);
            library.render(
                tenant_id,
                channel,
                &asked.name,
                hints,
                &asked.variables,
                link,
            )
        })
    });
    let rendered = render
        .await
        .map_err(|error| DeskError::Failed(error.to_string()))?;
    // What could be rendered then can be rendered now; limits may have become narrower since.
    let rendered = rendered.map_err(|_| gone())?;
    Ok(ReadContent {
        status: stored.status.clone(),
        rendered_from: Some(RenderedFrom {
            template: call.name.clone(),
            version,
            locale,
        }),
        content: rendered.content,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn a_page_looks_at_no_more_than_its_span() {
        let now = at("2026-11-29T12:00:00Z");
        let part = ListPart {
            since: None,
            until: None,
            after: None,
            most: 50,
        };
        let (span, floor) = part.span(now);
        assert_eq!((span.before, floor), (Uuid::max(), Uuid::nil()));
        assert_eq!(moment(span.from), at("2026-10-29T12:00:00Z"));
        let after = bound(at("2026-03-15T00:00:00Z"));
        let next = ListPart {
            since: Some(at("2026-03-01T00:00:00Z")),
            after: Some(after),
            ..part
        };
        let (span, floor) = next.span(now);
        assert_eq!((span.from, span.before), (floor, after));
        assert_eq!(moment(span.from), at("2026-03-01T00:00:00Z"));
        let ended = ListPart {
            until: Some(at("2026-01-31T00:00:00Z")),
            ..part
        };
        let (span, _) = ended.span(now);
        assert_eq!(moment(span.from), at("2025-12-31T00:00:00Z"));
        assert_eq!(moment(span.before), at("2026-01-31T00:00:00Z"));
    }
}
