//! What a reader sees in their inbox of what is for all people of the tenant: it asked nobody's wishes when it was
//! sent, so that each reader's are asked when they read.

use std::collections::BTreeSet;

use super::switches::Wants;
use crate::domain::Channel;
use crate::domain::inbox::InboxView;
use crate::domain::preference::Scope;

/// What is hidden from a reader.
#[must_use]
pub fn view(wants: &Wants<'_>) -> InboxView {
    let channel = Channel::InApp;
    let is_off = !(wants.is_on(&Scope::All) && wants.is_on(&Scope::Channel(channel)));
    let said = wants.own.iter().chain(&wants.rules.defaults);
    let said: BTreeSet<&str> = said.filter_map(|it| it.scope.category()).collect();
    let hidden = said.into_iter().filter(|it| !wants.gets(channel, it));
    InboxView {
        is_off,
        hidden: match is_off {
            true => vec![],
            false => hidden.map(str::to_owned).collect(),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::preference::Setting;
    use crate::domain::{Category, DEFAULT_TENANT, OverCap, Preference, TenantRules};

    fn says(channel: Option<Channel>, category: Option<&str>, enabled: bool) -> Preference {
        Preference {
            scope: Scope::of(channel, category.map(str::to_owned)),
            enabled: Some(enabled),
            frequency_cap: Setting::Inherit,
            quiet_hours: Setting::Inherit,
            zone: None,
        }
    }

    #[test]
    fn a_reader_sees_what_they_have_not_switched_off() {
        let rules = TenantRules {
            defaults: vec![says(None, Some("tips"), false)],
            categories: vec![Category {
                tenant_id: DEFAULT_TENANT,
                name: "security".to_owned(),
                may_disable: false,
                over_cap: OverCap::Cancel,
                on_unknown: None,
            }],
            locale: None,
        };
        let view = |own: &[Preference]| view(&Wants { own, rules: &rules });
        assert_eq!(
            view(&[]).hidden,
            ["tips"],
            "the tenant's word for those who say nothing"
        );
        let own = [
            says(None, Some("tips"), true),
            says(Some(Channel::InApp), Some("news"), false),
            says(Some(Channel::Email), Some("sales"), false),
            says(None, Some("security"), false),
        ];
        let seen = view(&own);
        assert_eq!(seen.hidden, ["news"]);
        assert!(seen.hides(Some("news")) && !seen.hides(Some("tips")) && !seen.hides(None));
        let off = view(&[says(Some(Channel::InApp), None, false)]);
        assert!(
            off.hides(None) && off.hides(Some("security")),
            "the channel is off"
        );
    }
}
