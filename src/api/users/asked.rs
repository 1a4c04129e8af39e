//! What is said of a person: every mistake at once, by the same rules as `herald apply`.

use utoipa::ToSchema;
use uuid::Uuid;

use crate::api::authority::Authority;
use crate::api::fields::SentFields;
use crate::domain::field::{self, Misfit};
use crate::domain::{Channel, Platform, limits};
use crate::ops::control::{PersonOrder, RecipientFields};

/// A person, all that is known of them.
#[derive(ToSchema)]
#[schema(as = NewUser)]
#[expect(dead_code, reason = "it describes what `order` reads")]
pub(super) struct NewPerson {
    /// Their id: in a body that makes somebody, a new one without it; else the path's.
    #[schema(example = "0190c1a0-0000-7000-8000-000000000001")]
    id: Option<Uuid>,
    /// Their id in another system, unique within the tenant.
    #[schema(max_length = 255)]
    external_id: Option<String>,
    /// E-mail address, unique within the tenant.
    #[schema(example = "ana@example.com")]
    email: Option<String>,
    /// Unique within the tenant.
    #[schema(max_length = 100)]
    username: Option<String>,
    /// What to call them.
    #[schema(max_length = 120, example = "Ana")]
    name: Option<String>,
    /// With country code: `+4915112345678`.
    #[schema(example = "+4915112345678")]
    phone: Option<String>,
    /// IANA name.
    #[schema(example = "Europe/Berlin")]
    timezone: Option<String>,
    /// Language.
    #[schema(example = "de")]
    locale: Option<String>,
    /// Push devices, beside those that are known.
    #[schema(max_items = 100)]
    devices: Option<Vec<NewDevice>>,
}

/// What is to be different of a person; `null` takes a field away.
#[derive(ToSchema)]
#[schema(as = ChangedUser)]
#[expect(dead_code, reason = "it describes what `AskedPerson` reads")]
pub(super) struct ChangedPerson {
    /// Their id in another system.
    #[schema(max_length = 255)]
    external_id: Option<String>,
    /// E-mail address.
    email: Option<String>,
    /// Unique within the tenant.
    #[schema(max_length = 100)]
    username: Option<String>,
    /// What to call them.
    #[schema(max_length = 120, example = "Ana")]
    name: Option<String>,
    /// With country code.
    phone: Option<String>,
    /// IANA name.
    timezone: Option<String>,
    /// Language.
    locale: Option<String>,
}

/// A push device.
#[derive(ToSchema)]
#[expect(dead_code, reason = "it describes what `device` reads")]
pub(super) struct NewDevice {
    /// Registration token.
    #[schema(max_length = 2048, example = "fcm-token")]
    token: String,
    /// What it runs: `android`, `ios`, `web`.
    #[schema(example = "android")]
    platform: String,
}

/// What is said of a person: nothing of a field, that there is none, or what.
#[derive(Debug)]
pub(super) struct AskedPerson {
    email: Option<Option<String>>,
    username: Option<Option<String>>,
    phone: Option<Option<String>>,
    timezone: Option<Option<String>>,
    locale: Option<Option<String>>,
    name: Option<Option<String>>,
    external_id: Option<Option<String>>,
}

impl AskedPerson {
    pub(super) fn read(sent: &mut SentFields) -> Self {
        let mut text = |name: &str, read: fn(&str) -> Result<String, Misfit>| {
            sent.said(name, |text| read(text).map_err(|unfit| unfit.to_string()))
        };
        Self {
            email: text("email", |text| field::address(Channel::Email, text)),
            username: text("username", |text| field::line(text, field::USERNAME_CHARS)),
            phone: text("phone", |text| field::address(Channel::Sms, text)),
            timezone: text("timezone", field::timezone),
            locale: text("locale", field::locale),
            name: text("name", |text| field::line(text, field::NAME_CHARS)),
            external_id: text("external_id", |text| {
                field::line(text, field::EXTERNAL_ID_CHARS)
            }),
        }
    }

    /// A person of whom nothing else is known.
    fn alone(self) -> RecipientFields {
        self.upon(RecipientFields::default())
    }

    /// A person with what is said of them.
    pub(super) fn upon(self, known: RecipientFields) -> RecipientFields {
        RecipientFields {
            email: self.email.unwrap_or(known.email),
            username: self.username.unwrap_or(known.username),
            phone: self.phone.unwrap_or(known.phone),
            timezone: self.timezone.unwrap_or(known.timezone),
            locale: self.locale.unwrap_or(known.locale),
            name: self.name.unwrap_or(known.name),
            external_id: self.external_id.unwrap_or(known.external_id),
        }
    }
}

/// All that is known of a person who is to be; `path` is the id that the path names.
pub(super) fn order(
    sent: &mut SentFields,
    who: &Authority,
    path: Option<Uuid>,
) -> Option<PersonOrder> {
    let said = sent.text("id", |text| match (Uuid::parse_str(text), path) {
        (Err(_), _) => Err("a UUID, as 0190c1a0-0000-7000-8000-000000000001 is".to_owned()),
        (Ok(id), Some(path)) if id != path => Err("the path names another user".to_owned()),
        (Ok(id), _) => Ok(id),
    });
    let fields = AskedPerson::read(sent).alone();
    let devices = sent
        .objects("devices", limits::DEVICES, device)
        .unwrap_or_default();
    Some(PersonOrder {
        id: path.or(said).unwrap_or_else(Uuid::now_v7),
        tenant_id: who.own_tenant(),
        asked_tenant: who.tenant_id,
        fields,
        devices,
        may_replace: path.is_some(),
    })
}

/// A push device.
pub(super) fn device(sent: &mut SentFields) -> Option<(String, Platform)> {
    let token = sent.text("token", |text| {
        field::address(Channel::Push, text).map_err(|unfit| unfit.to_string())
    });
    let token = sent.required("token", token);
    let platform = sent.text("platform", |word| {
        word.parse::<Platform>().map_err(|error| error.to_string())
    });
    let platform = sent.required("platform", platform);
    token.zip(platform)
}
