//! Settings that had another name in an earlier version. The old name stops the start, as every
//! unknown setting does, and the mistake names the new one.

/// The old path of each, with the new one.
const RENAMED: &[(&str, &str)] = &[
    ("engine.catalog_refresh", "engine.reload_interval"),
    ("engine.people_kept", "engine.recipient_cache_size"),
    ("engine.people_time_to_live", "engine.recipient_cache_ttl"),
];

/// The present path of a setting that was renamed.
pub(super) fn present_name(path: &str) -> Option<&'static str> {
    let renamed = RENAMED.iter().find(|(old, _)| *old == path);
    renamed.map(|(_, new)| *new)
}

#[cfg(test)]
mod tests {
    use super::super::schema::Schema;
    use super::*;

    #[test]
    fn old_setting_name_is_refused_with_the_new_one() {
        let schema = Schema::compiled_in();
        for (old, new) in RENAMED {
            assert!(!schema.is_setting(old), "{old}");
            assert!(schema.is_setting(new), "{new}");
            let (problem, allowed) = schema.explain_unknown(old);
            assert_eq!(problem, format!("is now called `{new}`"));
            assert_eq!(allowed, *new);
        }
        assert_eq!(present_name("engine.lease"), None);
    }
}
