//! Nothing may be declared twice: which of the two should hold?

use std::collections::HashMap;
use std::hash::Hash;

use super::{DeclaredEntry, Manifest, ManifestFinding, Mistake, SettingOrigin};

/// Every second declaration of the same thing, in all files together.
pub(super) fn check(manifest: &Manifest) -> Vec<Mistake> {
    let mut seen = SeenNames(Vec::new());
    let Manifest {
        tenants,
        categories,
        users,
        preferences,
        templates,
        providers,
        suppressions,
        topics,
        webhooks,
        workflows,
        token_keys,
        warnings: _,
    } = manifest;
    seen.add(tenants, "id", |t| Some(t.id));
    seen.add(tenants, "name", |t| Some(t.name.clone()));
    seen.add(categories, "name", |c| Some((c.tenant_id, c.name.clone())));
    seen.add(users, "id", |u| Some(u.id));
    seen.add(users, "email", |u| {
        Some((u.tenant_id, u.email.as_ref()?.to_lowercase()))
    });
    seen.add(users, "username", |u| {
        Some((u.tenant_id, u.username.clone()?))
    });
    seen.add_all(users, "devices", |u| {
        let token = |device: &super::DeclaredDevice| (u.tenant_id, device.token.clone());
        u.devices.iter().map(token).collect()
    });
    seen.add(preferences, "", |p| {
        Some((p.tenant_id, p.user_id, p.scope.clone()))
    });
    seen.add(templates, "", |t| {
        Some((
            t.tenant_id,
            t.name.clone(),
            t.channel,
            t.locale.to_lowercase(),
        ))
    });
    seen.add(providers, "name", |p| Some(p.name.clone()));
    seen.add(suppressions, "", |s| {
        let of = (s.tenant_id, s.channel, s.address.clone());
        Some((of, s.category.clone(), s.reason))
    });
    seen.add(topics, "name", |t| Some((t.tenant_id, t.name.clone())));
    seen.add(webhooks, "name", |w| Some((w.tenant_id, w.name.clone())));
    seen.add(workflows, "name", |w| Some((w.tenant_id, w.name.clone())));
    seen.add(token_keys, "kid", |k| Some((k.tenant_id, k.kid.clone())));
    seen.0
}

struct SeenNames(Vec<Mistake>);

impl SeenNames {
    fn add<T, K: Eq + Hash>(
        &mut self,
        entries: &[DeclaredEntry<T>],
        key: &str,
        identity: impl Fn(&T) -> Option<K>,
    ) {
        self.add_all(entries, key, |value| identity(value).into_iter().collect());
    }

    fn add_all<T, K: Eq + Hash>(
        &mut self,
        entries: &[DeclaredEntry<T>],
        key: &str,
        identities: impl Fn(&T) -> Vec<K>,
    ) {
        let mut first: HashMap<K, &SettingOrigin> = HashMap::new();
        for entry in entries {
            for identity in identities(&entry.value) {
                if let Some(before) = first.get(&identity) {
                    let problem = format!("is declared before, at {before}");
                    let key = key.to_owned();
                    self.0.push(entry.mistake(ManifestFinding { key, problem }));
                } else {
                    first.insert(identity, &entry.origin);
                }
            }
        }
    }
}
