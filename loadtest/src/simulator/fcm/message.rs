//! The body of `messages:send`, typed and closed as the discovery document has it (camelCase names).

use std::borrow::Cow;
use std::collections::HashMap;

use serde::Deserialize;
use serde_json::value::RawValue;
use uuid::Uuid;

type Text<'a> = Option<Cow<'a, str>>;
pub(super) type Texts<'a> = HashMap<Cow<'a, str>, Cow<'a, str>>;
type Object<'a> = HashMap<Cow<'a, str>, &'a RawValue>;

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct Send<'a> {
    #[serde(borrow)]
    pub(super) message: Message<'a>,
    pub(super) validate_only: Option<bool>,
}

impl Send<'_> {
    pub(super) fn is_dry_run(&self) -> bool {
        self.validate_only.unwrap_or(false)
    }

    /// Whichever of the four targets is set.
    pub(super) fn recipient(&self) -> &str {
        let message = &self.message;
        [
            &message.token,
            &message.fid,
            &message.topic,
            &message.condition,
        ]
        .into_iter()
        .find_map(|target| target.as_deref())
        .unwrap_or_default()
    }

    pub(super) fn notification_id(&self) -> Option<Uuid> {
        self.message
            .data
            .as_ref()?
            .get("notification_id")?
            .parse()
            .ok()
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct Message<'a> {
    #[serde(borrow)]
    pub(super) name: Text<'a>,
    #[serde(borrow)]
    pub(super) token: Text<'a>,
    #[serde(borrow)]
    pub(super) fid: Text<'a>,
    #[serde(borrow)]
    pub(super) topic: Text<'a>,
    #[serde(borrow)]
    pub(super) condition: Text<'a>,
    #[serde(borrow)]
    pub(super) data: Option<Texts<'a>>,
    #[serde(borrow)]
    pub(super) notification: Option<Notification<'a>>,
    #[serde(borrow)]
    pub(super) android: Option<Android<'a>>,
    #[serde(borrow)]
    pub(super) android_v2: Option<Object<'a>>,
    #[serde(borrow, rename = "apns")]
    _apns: Option<Apns<'a>>,
    #[serde(borrow)]
    pub(super) webpush: Option<Webpush<'a>>,
    #[serde(borrow, rename = "fcmOptions")]
    _fcm_options: Option<Options<'a>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Notification<'a> {
    #[serde(borrow)]
    pub(super) title: Text<'a>,
    #[serde(borrow)]
    pub(super) body: Text<'a>,
    #[serde(borrow)]
    pub(super) image: Text<'a>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct Android<'a> {
    #[serde(borrow)]
    pub(super) ttl: Text<'a>,
    #[serde(borrow)]
    pub(super) data: Option<Texts<'a>>,
    #[serde(borrow)]
    pub(super) notification: Option<Object<'a>>,
    #[serde(rename = "priority")]
    _priority: Option<Priority>,
    #[serde(borrow, rename = "collapseKey")]
    _collapse_key: Text<'a>,
    #[serde(borrow, rename = "restrictedPackageName")]
    _restricted_package_name: Text<'a>,
    #[serde(borrow, rename = "fcmOptions")]
    _fcm_options: Option<Options<'a>>,
    #[serde(rename = "directBootOk")]
    _direct_boot_ok: Option<bool>,
    #[serde(rename = "bandwidthConstrainedOk")]
    _bandwidth_constrained_ok: Option<bool>,
    #[serde(rename = "restrictedSatelliteOk")]
    _restricted_satellite_ok: Option<bool>,
}

#[derive(Deserialize)]
#[serde(rename_all = "UPPERCASE")]
enum Priority {
    Normal,
    High,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct Apns<'a> {
    #[serde(borrow, rename = "headers")]
    _headers: Option<Texts<'a>>,
    #[serde(borrow, rename = "payload")]
    _payload: Option<Object<'a>>,
    #[serde(borrow, rename = "fcmOptions")]
    _fcm_options: Option<ImageOptions<'a>>,
    #[serde(borrow, rename = "liveActivityToken")]
    _live_activity_token: Text<'a>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct Webpush<'a> {
    #[serde(borrow)]
    pub(super) data: Option<Texts<'a>>,
    #[serde(borrow)]
    pub(super) fcm_options: Option<LinkOptions<'a>>,
    #[serde(borrow, rename = "headers")]
    _headers: Option<Texts<'a>>,
    #[serde(borrow, rename = "notification")]
    _notification: Option<Object<'a>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Options<'a> {
    #[serde(borrow, rename = "analyticsLabel")]
    _analytics_label: Text<'a>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct ImageOptions<'a> {
    #[serde(borrow, rename = "analyticsLabel")]
    _analytics_label: Text<'a>,
    #[serde(borrow, rename = "image")]
    _image: Text<'a>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct LinkOptions<'a> {
    #[serde(borrow)]
    pub(super) link: Text<'a>,
    #[serde(borrow, rename = "analyticsLabel")]
    _analytics_label: Text<'a>,
}
