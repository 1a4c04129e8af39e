//! The body of a mail send, as the official description types it. What is required is left optional
//! here, so that the judge can name it in SendGrid's own words.

use std::borrow::Cow;
use std::collections::HashMap;

use serde::Deserialize;
use serde_json::value::RawValue;

pub(super) type Texts<'a> = HashMap<Cow<'a, str>, Cow<'a, str>>;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Mail<'a> {
    #[serde(borrow, default)]
    pub(super) personalizations: Vec<Personalization<'a>>,
    #[serde(borrow)]
    pub(super) from: Option<Address<'a>>,
    #[serde(borrow)]
    pub(super) reply_to: Option<Address<'a>>,
    #[serde(borrow)]
    pub(super) reply_to_list: Option<Vec<Address<'a>>>,
    #[serde(borrow)]
    pub(super) subject: Option<Cow<'a, str>>,
    #[serde(borrow)]
    pub(super) content: Option<Vec<Content<'a>>>,
    #[serde(borrow)]
    pub(super) attachments: Option<Vec<Attachment<'a>>>,
    #[serde(borrow)]
    pub(super) template_id: Option<Cow<'a, str>>,
    #[serde(borrow)]
    pub(super) headers: Option<Texts<'a>>,
    #[serde(borrow)]
    pub(super) categories: Option<Vec<Cow<'a, str>>>,
    #[serde(borrow)]
    pub(super) custom_args: Option<Texts<'a>>,
    pub(super) send_at: Option<i64>,
    #[serde(borrow, rename = "batch_id")]
    _batch_id: Option<Cow<'a, str>>,
    pub(super) asm: Option<Unsubscribe>,
    #[serde(borrow)]
    pub(super) ip_pool_name: Option<Cow<'a, str>>,
    pub(super) mail_settings: Option<MailSettings>,
    #[serde(rename = "tracking_settings")]
    _tracking_settings: Option<TrackingSettings>,
}

impl Mail<'_> {
    pub(super) fn is_sandbox(&self) -> bool {
        self.mail_settings
            .as_ref()
            .and_then(|settings| settings.sandbox_mode.as_ref())
            .and_then(|switch| switch.enable)
            .unwrap_or(false)
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Personalization<'a> {
    #[serde(borrow)]
    pub(super) to: Option<Vec<Address<'a>>>,
    #[serde(borrow)]
    pub(super) cc: Option<Vec<Address<'a>>>,
    #[serde(borrow)]
    pub(super) bcc: Option<Vec<Address<'a>>>,
    #[serde(borrow)]
    pub(super) from: Option<Address<'a>>,
    #[serde(borrow)]
    pub(super) subject: Option<Cow<'a, str>>,
    #[serde(borrow)]
    pub(super) headers: Option<Texts<'a>>,
    #[serde(borrow)]
    pub(super) substitutions: Option<Texts<'a>>,
    #[serde(borrow)]
    pub(super) dynamic_template_data: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(super) custom_args: Option<Texts<'a>>,
    pub(super) send_at: Option<i64>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Address<'a> {
    #[serde(borrow)]
    pub(super) email: Option<Cow<'a, str>>,
    #[serde(borrow)]
    pub(super) name: Option<Cow<'a, str>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Content<'a> {
    #[serde(borrow, rename = "type")]
    pub(super) kind: Option<Cow<'a, str>>,
    #[serde(borrow)]
    pub(super) value: Option<Cow<'a, str>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Attachment<'a> {
    #[serde(borrow)]
    pub(super) content: Option<Cow<'a, str>>,
    #[serde(borrow)]
    pub(super) filename: Option<Cow<'a, str>>,
    #[serde(borrow, rename = "type")]
    _kind: Option<Cow<'a, str>>,
    #[serde(rename = "disposition")]
    _disposition: Option<Disposition>,
    #[serde(borrow, rename = "content_id")]
    _content_id: Option<Cow<'a, str>>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Disposition {
    Inline,
    Attachment,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Unsubscribe {
    pub(super) group_id: Option<i64>,
    pub(super) groups_to_display: Option<Vec<i64>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Switch {
    pub(super) enable: Option<bool>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct MailSettings {
    #[serde(rename = "bypass_list_management")]
    _bypass_list_management: Option<Switch>,
    #[serde(rename = "bypass_spam_management")]
    _bypass_spam_management: Option<Switch>,
    #[serde(rename = "bypass_bounce_management")]
    _bypass_bounce_management: Option<Switch>,
    #[serde(rename = "bypass_unsubscribe_management")]
    _bypass_unsubscribe_management: Option<Switch>,
    #[serde(rename = "footer")]
    _footer: Option<Footer>,
    pub(super) sandbox_mode: Option<Switch>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Footer {
    #[serde(rename = "enable")]
    _enable: Option<bool>,
    #[serde(rename = "text")]
    _text: Option<String>,
    #[serde(rename = "html")]
    _html: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct TrackingSettings {
    #[serde(rename = "click_tracking")]
    _click_tracking: Option<Tracking>,
    #[serde(rename = "open_tracking")]
    _open_tracking: Option<Tracking>,
    #[serde(rename = "subscription_tracking")]
    _subscription_tracking: Option<Tracking>,
    #[serde(rename = "ganalytics")]
    _ganalytics: Option<Tracking>,
}

/// The union of the four tracking objects: all their keys are optional.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Tracking {
    #[serde(rename = "enable")]
    _enable: Option<bool>,
    #[serde(rename = "enable_text")]
    _enable_text: Option<bool>,
    #[serde(rename = "text")]
    _text: Option<String>,
    #[serde(rename = "html")]
    _html: Option<String>,
    #[serde(rename = "substitution_tag")]
    _substitution_tag: Option<String>,
    #[serde(rename = "utm_source")]
    _utm_source: Option<String>,
    #[serde(rename = "utm_medium")]
    _utm_medium: Option<String>,
    #[serde(rename = "utm_term")]
    _utm_term: Option<String>,
    #[serde(rename = "utm_content")]
    _utm_content: Option<String>,
    #[serde(rename = "utm_campaign")]
    _utm_campaign: Option<String>,
}
