//! What a person gets, as they see it, and what changes when they switch something: their own words first, then
//! the tenant's for all its people.

use crate::domain::preference::{QuietHours, Scope};
use crate::domain::{Channel, Notification, Preference, TenantRules};

/// What is said of what a person gets.
#[derive(Debug, Clone, Copy)]
pub struct Wants<'a> {
    /// By the person.
    pub own: &'a [Preference],
    /// By the tenant.
    pub rules: &'a TenantRules,
}

/// Quiet hours that hold for some of what a person gets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QuietSpan<'a> {
    /// For what.
    pub scope: &'a Scope,
    /// When; `None` where nobody says.
    pub hours: Option<&'a QuietHours>,
}

impl<'a> Wants<'a> {
    /// Whether this is on, whatever is said of more or of less.
    #[must_use]
    pub fn is_on(&self, scope: &Scope) -> bool {
        let said = |all: &[Preference]| all.iter().find(|it| it.scope == *scope)?.enabled;
        let own = said(self.own).or_else(|| said(&self.rules.defaults));
        own.unwrap_or(true)
    }

    /// Whether messages of a category come by a channel, as far as the person and the tenant say. What is needed
    /// comes unless the channel is off.
    #[must_use]
    pub fn gets(&self, channel: Channel, category: &str) -> bool {
        let by_channel = self.is_on(&Scope::All) && self.is_on(&Scope::Channel(channel));
        let of_category = self.is_on(&Scope::Category(category.to_owned()))
            && self.is_on(&Scope::ChannelCategory(channel, category.to_owned()));
        by_channel && (of_category || self.is_required(category))
    }

    /// Whether a category cannot be switched off.
    #[must_use]
    pub fn is_required(&self, category: &str) -> bool {
        let declared = self.rules.category(category);
        declared.is_some_and(|declared| !declared.may_disable)
    }

    /// The preferences whose word changes when the person switches something on or off, and what it is then.
    /// What a person has switched off on all channels is switched on for one of them by leaving it off on each
    /// of the others.
    #[must_use]
    pub fn switch(&self, what: &Scope, on: bool) -> Vec<(Scope, bool)> {
        if !on {
            let own = self.own.iter().find(|it| it.scope == *what);
            let is_said = own.is_some_and(|it| it.enabled == Some(false));
            return match is_said {
                true => vec![],
                false => vec![(what.clone(), false)],
            };
        }
        let mut changes = vec![];
        if !self.is_on(what) {
            changes.push((what.clone(), true));
        }
        if let Scope::ChannelCategory(channel, category) = what {
            let everywhere = Scope::Category(category.clone());
            if !self.is_on(&everywhere) {
                changes.push((everywhere, true));
                let others = Channel::ALL.iter().filter(|other| *other != channel);
                let others = others.map(|other| Scope::ChannelCategory(*other, category.clone()));
                let on = others.filter(|other| self.is_on(other));
                changes.extend(on.map(|other| (other, false)));
            }
        }
        changes
    }

    /// The quiet hours of everything, and of whatever else has its own.
    #[must_use]
    pub fn quiet(&self) -> Vec<QuietSpan<'a>> {
        const EVERYTHING: &Scope = &Scope::All;
        let said = self.own.iter().chain(&self.rules.defaults);
        let mut spans = vec![QuietSpan {
            scope: EVERYTHING,
            hours: self.quiet_of(EVERYTHING),
        }];
        for preference in said {
            let scope = &preference.scope;
            let hours = self.quiet_of(scope);
            if hours.is_some() && spans.iter().all(|it| it.scope != scope) {
                spans.push(QuietSpan { scope, hours });
            }
        }
        spans
    }

    fn quiet_of(&self, scope: &Scope) -> Option<&'a QuietHours> {
        let said = |all: &'a [Preference]| {
            let said = all.iter().find(|it| it.scope == *scope);
            said.map(|it| it.quiet_hours.as_ref()).unwrap_or_default()
        };
        said(self.own).or(said(&self.rules.defaults)).value()
    }
}

/// Whether a mail client may be told by which link its reader unsubscribes with one click (RFC 8058): a click
/// must end no more than the category of the mail, and that must be one that may end.
#[must_use]
pub fn has_one_click(notification: &Notification, rules: &TenantRules) -> bool {
    notification.lane.channel == Channel::Email
        && notification.category.is_some()
        && super::preference::may_disable(notification, rules)
}

#[cfg(test)]
mod tests {
    use jiff::civil::time;

    use super::*;
    use crate::domain::Category;
    use crate::domain::preference::Setting;

    fn said(scope: Scope, enabled: bool) -> Preference {
        Preference {
            scope,
            enabled: Some(enabled),
            frequency_cap: Setting::Inherit,
            quiet_hours: Setting::Inherit,
            zone: None,
        }
    }

    fn rules(defaults: Vec<Preference>) -> TenantRules {
        let required = Category {
            may_disable: false,
            ..Category::undeclared(uuid::Uuid::nil(), "security")
        };
        TenantRules {
            categories: vec![required],
            defaults,
            ..TenantRules::default()
        }
    }

    fn news(channel: Channel) -> Scope {
        Scope::ChannelCategory(channel, "news".to_owned())
    }

    #[test]
    fn own_words_come_before_the_tenants_and_the_needed_comes_unless_the_channel_is_off() {
        let rules = rules(vec![
            said(news(Channel::Sms), false),
            said(news(Channel::Email), false),
        ]);
        let own = [
            said(news(Channel::Email), true),
            said(Scope::Category("security".to_owned()), false),
            said(Scope::Channel(Channel::Push), false),
        ];
        let wants = Wants {
            own: &own,
            rules: &rules,
        };
        assert!(wants.gets(Channel::Email, "news") && !wants.gets(Channel::Sms, "news"));
        assert!(wants.gets(Channel::Email, "security"));
        assert!(!wants.gets(Channel::Push, "security"));
        assert!(wants.is_required("security") && !wants.is_required("news"));
    }

    #[test]
    fn what_is_said_already_changes_nothing() {
        let rules = rules(vec![said(news(Channel::Sms), false)]);
        let own = [said(news(Channel::Email), false)];
        let wants = Wants {
            own: &own,
            rules: &rules,
        };
        assert_eq!(wants.switch(&news(Channel::Email), false), []);
        assert_eq!(wants.switch(&news(Channel::Push), true), []);
        let email = [(news(Channel::Email), true)];
        assert_eq!(wants.switch(&news(Channel::Email), true), email);
        let sms = [(news(Channel::Sms), false)];
        assert_eq!(
            wants.switch(&news(Channel::Sms), false),
            sms,
            "their own word"
        );
        let all = Scope::Channel(Channel::Email);
        assert_eq!(wants.switch(&all, false), [(all.clone(), false)]);
    }

    #[test]
    fn one_channel_of_what_is_off_everywhere_is_switched_on_and_the_others_stay_off() {
        let rules = rules(vec![]);
        let everywhere = Scope::Category("news".to_owned());
        let own = [
            said(everywhere.clone(), false),
            said(news(Channel::Sms), false),
        ];
        let wants = Wants {
            own: &own,
            rules: &rules,
        };
        let mut changes = wants.switch(&news(Channel::Email), true);
        changes.sort();
        let mut expected = vec![
            (everywhere, true),
            (news(Channel::Push), false),
            (news(Channel::InApp), false),
            (news(Channel::Chat), false),
        ];
        expected.sort();
        assert_eq!(changes, expected);
        let after: Vec<Preference> = own
            .iter()
            .filter(|it| changes.iter().all(|(scope, _)| *scope != it.scope))
            .cloned()
            .chain(changes.iter().map(|(scope, on)| said(scope.clone(), *on)))
            .collect();
        let wants = Wants {
            own: &after,
            rules: &rules,
        };
        let got = Channel::ALL.iter().filter(|it| wants.gets(**it, "news"));
        assert_eq!(got.collect::<Vec<_>>(), [&Channel::Email]);
    }

    #[test]
    fn quiet_hours_are_those_of_everything_and_of_what_has_its_own() {
        let hours = |hour| QuietHours {
            start: time(hour, 0, 0, 0),
            end: time(7, 0, 0, 0),
            days: vec![],
        };
        let quiet = |scope, setting| Preference {
            quiet_hours: setting,
            enabled: None,
            ..said(scope, true)
        };
        let rules = rules(vec![
            quiet(Scope::All, Setting::Value(hours(22))),
            quiet(Scope::Channel(Channel::Sms), Setting::Value(hours(20))),
        ]);
        let own = [
            quiet(Scope::Channel(Channel::Sms), Setting::None),
            quiet(Scope::Channel(Channel::Push), Setting::Value(hours(21))),
        ];
        let wants = Wants {
            own: &own,
            rules: &rules,
        };
        let spans = wants.quiet();
        let starts: Vec<(String, i8)> = spans
            .iter()
            .map(|it| (it.scope.to_string(), it.hours.unwrap().start.hour()))
            .collect();
        assert_eq!(starts, [("*/*".to_owned(), 22), ("push/*".to_owned(), 21)]);
    }
}
