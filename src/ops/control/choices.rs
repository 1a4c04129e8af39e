//! What a person has chosen, and what there is to choose from.

pub(super) mod changing;
mod shown;

pub use shown::{ShownChannelChoice, ShownChoice, ShownChoices, ShownQuietHours};

use std::collections::BTreeSet;

use uuid::Uuid;

use crate::domain::preference::Scope;
use crate::domain::{
    Channel, DEFAULT_TENANT, PersonLink, Recipient, SuppressionReason, TenantRules, Zone,
    quiet_text,
};
use crate::policy::switches::{QuietSpan, Wants};
use crate::runtime::clock;
use crate::store::suppressions::desk::{self, StoredSuppression};
use crate::store::{PgConnection, StoreError, recipients, rules, tenants};
use crate::templates::person_page::{PageChannel, PageDone, PageQuiet, PageSwitch, PersonPage};

/// Entries of the suppression list that are looked at for one address.
const MOST_ENTRIES: usize = 200;

/// What is known of a person, as far as they may choose.
#[derive(Debug, Clone)]
pub(super) struct PersonChoices {
    /// The person.
    pub(super) recipient: Recipient,
    /// What their tenant says for all its people.
    pub(super) rules: TenantRules,
    /// What the suppression list holds of their addresses.
    pub(super) suppressed: Vec<StoredSuppression>,
    /// Their tenant's name, if it is one for people.
    sender: Option<String>,
}

/// All that a person may choose from; `None` when there is no such person any more.
///
/// # Errors
/// The database is out of reach, or something of theirs cannot be read.
pub(super) async fn read(
    connection: &mut PgConnection,
    whose: (Uuid, Uuid),
) -> Result<Option<PersonChoices>, StoreError> {
    let channels = [Channel::Email, Channel::Sms];
    read_at(connection, whose, (&channels, None)).await
}

/// The same for whoever has a link: what ended by a link of another address ended there.
///
/// # Errors
/// As [`read`].
pub(super) async fn read_by(
    connection: &mut PgConnection,
    link: &PersonLink,
) -> Result<Option<PersonChoices>, StoreError> {
    let whose = (link.tenant_id, link.user_id);
    match link.to.as_deref() {
        Some(to) => read_at(connection, whose, (&[link.channel], Some(to))).await,
        None => read(connection, whose).await,
    }
}

async fn read_at(
    connection: &mut PgConnection,
    whose: (Uuid, Uuid),
    (channels, to): (&[Channel], Option<&str>),
) -> Result<Option<PersonChoices>, StoreError> {
    let tenant_id = whose.0;
    let mut people = recipients::load(connection, &[whose]).await?;
    let Some(recipient) = people.take(&whose)? else {
        return Ok(None);
    };
    let mut known = rules::of(connection, &[tenant_id]).await?;
    let rules = known.take(&tenant_id)?.unwrap_or_default();
    let mut suppressed = vec![];
    for &channel in channels {
        for target in recipient.targets(channel, to) {
            let of = (Some(channel), Some(target.address.as_str()));
            let tenant = Some(tenant_id);
            suppressed.extend(desk::page(connection, tenant, of, None, MOST_ENTRIES).await?);
        }
    }
    let now = clock::now();
    suppressed.retain(|it| it.ends_at.is_none_or(|end| end > now));
    let sender = match tenant_id == DEFAULT_TENANT {
        true => None,
        false => {
            let found = tenants::page(connection, Some(tenant_id), None, 1).await?;
            found.into_iter().next().map(|tenant| tenant.name)
        }
    };
    Ok(Some(PersonChoices {
        recipient,
        rules,
        suppressed,
        sender,
    }))
}

impl PersonChoices {
    /// What they say, and what the tenant says.
    pub(super) fn wants(&self) -> Wants<'_> {
        Wants {
            own: &self.recipient.preferences,
            rules: &self.rules,
        }
    }

    /// Entries of the list by which the person themselves ended something that comes by a channel: this category,
    /// or all without one.
    pub(super) fn ended<'a>(
        &'a self,
        channel: Channel,
        category: Option<&'a str>,
    ) -> impl Iterator<Item = &'a StoredSuppression> {
        self.suppressed.iter().filter(move |it| {
            let entry = &it.suppression;
            entry.channel == channel
                && entry.reason == SuppressionReason::Unsubscribe
                && entry.category.as_deref() == category
        })
    }

    /// The page.
    pub(super) fn page(&self, link: &PersonLink, done: Option<PageDone>) -> PersonPage {
        if link.to.is_some() {
            return self.page_of_address(link, done);
        }
        let categories = self.categories(link.category.as_deref());
        let (wants, channels) = (self.wants(), self.channels(Some(link.channel)).into_iter());
        PersonPage {
            sender: self.sender.clone(),
            done,
            asked: self.asked(link),
            everything: wants.is_on(&Scope::All),
            channels: channels
                .map(|channel| self.channel(channel, &categories))
                .collect(),
            quiet: wants.quiet().iter().map(|it| self.quiet(it)).collect(),
        }
    }

    /// The page of an address that is somebody else's: what the link is about, and nothing of the person.
    fn page_of_address(&self, link: &PersonLink, done: Option<PageDone>) -> PersonPage {
        let category = link.category.as_deref();
        let all = self.ended(link.channel, None);
        let asked = PageSwitch {
            switch: Scope::of(Some(link.channel), link.category.clone()).to_string(),
            channel: link.channel,
            category: link.category.clone(),
            is_on: all
                .chain(self.ended(link.channel, category))
                .next()
                .is_none(),
            is_required: category.is_some_and(|it| self.wants().is_required(it)),
        };
        PersonPage {
            sender: self.sender.clone(),
            done,
            asked,
            everything: true,
            channels: vec![],
            quiet: vec![],
        }
    }

    /// What the link is about; the whole channel, where that is off.
    fn asked(&self, link: &PersonLink) -> PageSwitch {
        let channel = self.switch(link.channel, None);
        match &link.category {
            Some(category) if channel.is_on => self.switch(link.channel, Some(category)),
            _ => channel,
        }
    }

    /// The channels by which something may come, and this one.
    fn channels(&self, also: Option<Channel>) -> Vec<Channel> {
        let person = &self.recipient;
        let has = |channel: &Channel| {
            let reachable = match channel {
                Channel::InApp => true,
                Channel::Chat => false,
                other => !person.targets(*other, None).is_empty(),
            };
            let mut said = person.preferences.iter();
            reachable
                || Some(*channel) == also
                || said.any(|it| it.scope.channel() == Some(*channel))
        };
        Channel::ALL.iter().copied().filter(has).collect()
    }

    /// The categories that are declared, that somebody has said something of, and this one.
    pub(super) fn categories(&self, also: Option<&str>) -> BTreeSet<String> {
        let declared = self.rules.categories.iter().map(|it| it.name.as_str());
        let said = self.recipient.preferences.iter();
        let said = said.chain(&self.rules.defaults);
        let said = said.filter_map(|it| it.scope.category());
        let all = declared.chain(said).chain(also);
        all.map(str::to_owned).collect()
    }

    fn channel(&self, channel: Channel, categories: &BTreeSet<String>) -> PageChannel {
        let categories = categories.iter();
        let is_stopped = self.suppressed.iter().any(|it| {
            let entry = &it.suppression;
            let is_theirs = entry.reason == SuppressionReason::Unsubscribe;
            entry.channel == channel && entry.category.is_none() && !is_theirs
        });
        PageChannel {
            all: self.switch(channel, None),
            is_stopped,
            categories: categories
                .map(|category| self.switch(channel, Some(category)))
                .collect(),
        }
    }

    fn switch(&self, channel: Channel, category: Option<&str>) -> PageSwitch {
        let wants = self.wants();
        let ended_all = self.ended(channel, None).next().is_some();
        let (is_on, is_required) = match category {
            None => (
                wants.is_on(&Scope::All) && wants.is_on(&Scope::Channel(channel)),
                false,
            ),
            Some(category) => {
                let ended = self.ended(channel, Some(category)).next().is_some();
                (
                    wants.gets(channel, category) && !ended,
                    wants.is_required(category),
                )
            }
        };
        let scope = Scope::of(Some(channel), category.map(str::to_owned));
        PageSwitch {
            switch: scope.to_string(),
            channel,
            category: category.map(str::to_owned),
            is_on: is_on && !ended_all,
            is_required,
        }
    }

    fn quiet(&self, span: &QuietSpan<'_>) -> PageQuiet {
        let hours = span.hours;
        let days = match hours.map(|it| &it.days[..]) {
            None | Some([]) => quiet_text::DAYS.map(|(word, _)| word).to_vec(),
            Some(days) => days.iter().map(|day| quiet_text::word(*day)).collect(),
        };
        PageQuiet {
            scope: span.scope.to_string(),
            channel: span.scope.channel(),
            category: span.scope.category().map(str::to_owned),
            start: hours.map(|it| quiet_text::minute(it.start)),
            end: hours.map(|it| quiet_text::minute(it.end)),
            days,
            zone: self.zone(span.scope),
        }
    }

    /// The name of the zone whose clock quiet hours go by.
    fn zone(&self, scope: &Scope) -> String {
        let (own, rules) = (&self.recipient.preferences, &self.rules);
        let mut said = own.iter().chain(&rules.defaults);
        let said = said.find(|it| it.scope == *scope);
        let named = said
            .and_then(|it| it.zone.as_ref())
            .and_then(|it| match it {
                Zone::Known(zone) => zone.iana_name().map(str::to_owned),
                Zone::Unknown(unknown) => Some(unknown.0.clone()),
            });
        let theirs = || self.recipient.timezone.clone();
        named.or_else(theirs).unwrap_or_else(|| "UTC".to_owned())
    }
}
