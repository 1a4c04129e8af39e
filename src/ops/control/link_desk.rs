//! People's own pages, reached by their links: what they get, where, and when it is quiet.

mod acted;
mod by_address;
mod deeds;

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use jiff::civil::{Time, Weekday};
use tokio::time::sleep;
use uuid::Uuid;

use super::choices;
use super::desk::{Desk, DeskError};
use crate::cache::{FailedKeys, LinkKeys, MinuteCounts};
use crate::domain::PersonLink;
use crate::domain::person_link::SealedLink;
use crate::domain::preference::Scope;
use crate::runtime::clock;
use crate::store::audit::DoneBy;
use crate::store::{Database, PgConnection};
use crate::templates::person_page::{self, PageDone, PageNotice};

/// Requests of one person in a minute, on each node: a page costs a look at the database.
const MOST_A_MINUTE: u32 = 600;
/// Tries of a change that meets another of the same person.
const TRIES: u32 = 5;
/// Time to the second try; each further one waits as much longer.
const AGAIN: Duration = Duration::from_millis(50);

/// Shows and changes what people want, for whoever has their link. Clones share it.
#[derive(Debug, Clone)]
pub struct LinkDesk {
    desk: Desk,
    keys: LinkKeys,
    failed: Arc<FailedKeys>,
    visits: Arc<MinuteCounts<Uuid>>,
}

/// What somebody does on their page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PageDeed {
    /// They unsubscribe from what the link is about, with one click in a mail client.
    OneClick,
    /// They switch something on or off.
    Switch {
        /// What.
        what: Scope,
        /// Whether it is to come.
        on: bool,
    },
    /// They say when it is quiet.
    Quiet {
        /// For what.
        what: Scope,
        /// From when until when; `None` is never.
        hours: Option<(Time, Time)>,
        /// On which days it begins.
        days: Vec<Weekday>,
    },
    /// They say something of quiet hours that has no meaning.
    BadHours,
}

/// Who asks for a page.
#[derive(Debug, Clone)]
pub struct PageVisitor {
    /// The token of their link.
    pub token: String,
    /// Languages that they read, by preference.
    pub languages: Vec<String>,
    /// From where they come.
    pub address: IpAddr,
    /// The number of the request.
    pub request_id: Option<Uuid>,
}

/// A page, as it is sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PersonPageAnswer {
    /// HTML.
    pub html: String,
    /// In which language.
    pub language: &'static str,
    /// What it says of what was done.
    pub done: Option<PageDone>,
}

/// Why there is no page to choose on.
#[derive(Debug, thiserror::Error)]
pub enum LinkDeskError {
    /// The link leads nowhere, or to nobody any more.
    #[error("the link leads nowhere")]
    Gone,
    /// Too many came; for how long none is answered.
    #[error("too many requests")]
    TooMany(Duration),
    /// What is asked for is not on the page.
    #[error("it is not on the page")]
    NotThere,
    /// Something else is in the way.
    #[error(transparent)]
    Desk(#[from] DeskError),
}

impl From<crate::store::StoreError> for LinkDeskError {
    fn from(error: crate::store::StoreError) -> Self {
        Self::Desk(error.into())
    }
}

impl LinkDesk {
    /// A desk that leaves an address alone from which so many links came in a minute that lead nowhere.
    #[must_use]
    pub fn new(desk: Desk, keys: LinkKeys, most_failures: u32) -> Self {
        Self {
            desk,
            keys,
            failed: Arc::new(FailedKeys::new(most_failures)),
            visits: Arc::new(MinuteCounts::new(MOST_A_MINUTE)),
        }
    }

    /// The page of the person whose link this is. Changes nothing.
    ///
    /// # Errors
    /// The link leads nowhere, or too many came; or the database is out of reach.
    pub async fn page(&self, visitor: PageVisitor) -> Result<PersonPageAnswer, LinkDeskError> {
        let desk = self.clone();
        let work = async move |database: Database| {
            let link = desk.link(&database, &visitor).await?;
            let mut connection = database.get().await?;
            let chosen = choices::read_by(&mut connection, &link).await?;
            shown(&chosen.ok_or(LinkDeskError::Gone)?, &link, &visitor, None)
        };
        self.desk.with("show a person's page", work).await
    }

    /// Does what the person whose link this is wants, and shows their page as it is then.
    ///
    /// # Errors
    /// As [`Self::page`].
    pub async fn act(
        &self,
        visitor: PageVisitor,
        deed: PageDeed,
    ) -> Result<PersonPageAnswer, LinkDeskError> {
        let desk = self.clone();
        let work = async move |database: Database| {
            let link = desk.link(&database, &visitor).await?;
            let by = DoneBy::person(visitor.address, visitor.request_id);
            let catalog = database.webhooks().catalog();
            let mut tries = 0;
            let (page, webhooks) = loop {
                let acting = async |connection: &mut PgConnection| {
                    let acted = deeds::act(connection, &link, &deed, (&by, &catalog)).await?;
                    let chosen = choices::read_by(connection, &link).await?;
                    let chosen = chosen.ok_or(LinkDeskError::Gone)?;
                    let page = shown(&chosen, &link, &visitor, Some(acted.done))?;
                    Ok::<_, LinkDeskError>((page, acted.webhooks))
                };
                match database.attempt(acting).await {
                    // Mail clients ask twice at once, and people press twice.
                    Err(LinkDeskError::Desk(DeskError::Busy(_))) if tries < TRIES => {
                        tries += 1;
                        sleep(AGAIN * tries).await;
                    }
                    done => break done?,
                }
            };
            if !webhooks.is_empty() {
                database.webhooks().tell(webhooks);
            }
            Ok(page)
        };
        self.desk.with("change what a person wants", work).await
    }

    /// What is shown where there is nothing to choose.
    #[must_use]
    pub fn notice(&self, notice: PageNotice, languages: &[String]) -> PersonPageAnswer {
        let language = person_page::language(languages.iter().map(String::as_str));
        let html = person_page::notice(language, notice).unwrap_or_else(|why| {
            tracing::error!(why, "a page for people cannot be made");
            String::new()
        });
        PersonPageAnswer {
            html,
            language,
            done: None,
        }
    }

    /// What the visitor's token names. Who brings many that name nothing is not looked up.
    async fn link(
        &self,
        database: &Database,
        visitor: &PageVisitor,
    ) -> Result<PersonLink, LinkDeskError> {
        let now = clock::instant();
        let Some(link) = self.opened(database, visitor).await? else {
            if let Some(wait) = self.failed.blocked(visitor.address, now) {
                return Err(LinkDeskError::TooMany(wait));
            }
            self.failed.note(visitor.address, now);
            return Err(LinkDeskError::Gone);
        };
        if let Some(wait) = self.visits.blocked(&link.user_id, now) {
            return Err(LinkDeskError::TooMany(wait));
        }
        self.visits.note(link.user_id, now);
        Ok(link)
    }

    async fn opened(
        &self,
        database: &Database,
        visitor: &PageVisitor,
    ) -> Result<Option<PersonLink>, LinkDeskError> {
        let Some(sealed) = SealedLink::parse(&visitor.token) else {
            return Ok(None);
        };
        let key = self.keys.find(database, sealed.key_id).await?;
        Ok(key.and_then(|key| sealed.open(&key)))
    }
}

/// The page of what a person chose, in the language that they read.
fn shown(
    chosen: &choices::PersonChoices,
    link: &PersonLink,
    visitor: &PageVisitor,
    done: Option<PageDone>,
) -> Result<PersonPageAnswer, LinkDeskError> {
    let theirs = chosen.recipient.locale.as_deref();
    // Somebody else reads at another address.
    let theirs = theirs.filter(|_| link.to.is_none());
    let asked = visitor.languages.iter().map(String::as_str);
    let read = theirs
        .into_iter()
        .chain(asked)
        .chain(chosen.rules.locale.as_deref());
    let language = person_page::language(read);
    let page = chosen.page(link, done);
    let html = person_page::page(language, &page).map_err(DeskError::Failed)?;
    Ok(PersonPageAnswer {
        html,
        language,
        done,
    })
}
