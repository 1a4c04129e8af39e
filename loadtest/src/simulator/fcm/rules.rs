//! The rules that a well-typed message must still keep.

use super::message::{Message, Send, Texts};

const LARGEST_PAYLOAD: usize = 4_096;
const LARGEST_TOPIC_PAYLOAD: usize = 2_048;
/// Four weeks.
const LONGEST_TTL_SECONDS: f64 = 2_419_200.0;
const RESERVED_KEYS: [&str; 3] = ["from", "message_type", "collapse_key"];
const RESERVED_BEGINNINGS: [&str; 3] = ["google.", "gcm.", "gcm.notification."];
const ANDROID_NOTIFICATION: [&str; 27] = [
    "body",
    "bodyLocArgs",
    "bodyLocKey",
    "bypassProxyNotification",
    "channelId",
    "clickAction",
    "color",
    "defaultLightSettings",
    "defaultSound",
    "defaultVibrateTimings",
    "eventTime",
    "icon",
    "image",
    "lightSettings",
    "localOnly",
    "notificationCount",
    "notificationPriority",
    "proxy",
    "sound",
    "sticky",
    "tag",
    "ticker",
    "title",
    "titleLocArgs",
    "titleLocKey",
    "vibrateTimings",
    "visibility",
];

type Found = Option<(&'static str, String)>;

/// The first mistake, with the field it is in.
pub(super) fn mistake(send: &Send<'_>) -> Found {
    let message = &send.message;
    target(message)
        .or_else(|| data(message.data.as_ref(), "message.data"))
        .or_else(|| platforms(message))
        .or_else(|| size(message))
}

fn target(message: &Message<'_>) -> Found {
    let targets = [
        &message.token,
        &message.fid,
        &message.topic,
        &message.condition,
    ];
    let set: Vec<_> = targets.into_iter().flatten().collect();
    if set.len() != 1 || set.iter().any(|target| target.is_empty()) {
        let mistake = "Exactly one of token, fid, topic or condition must be set.";
        return Some(("message", mistake.into()));
    }
    if message.name.is_some() {
        return Some(("message.name", "The name is output only.".into()));
    }
    None
}

fn data(texts: Option<&Texts<'_>>, field: &'static str) -> Found {
    let key = texts
        .into_iter()
        .flat_map(|texts| texts.keys())
        .find(|key| {
            RESERVED_KEYS.contains(&key.as_ref())
                || RESERVED_BEGINNINGS
                    .iter()
                    .any(|start| key.starts_with(start))
        })?;
    Some((field, format!("Invalid data payload key: {key}")))
}

fn platforms(message: &Message<'_>) -> Found {
    if message.android.is_some() && message.android_v2.is_some() {
        let mistake = "Only one of android and androidV2 may be set.";
        return Some(("message.android", mistake.into()));
    }
    if let Some(android) = &message.android {
        if android.ttl.as_deref().is_some_and(|ttl| !is_ttl(ttl)) {
            let mistake = "The ttl must be seconds with an s, as in 3.5s, and at most four weeks.";
            return Some(("message.android.ttl", mistake.into()));
        }
        let keys = android.notification.iter().flat_map(|keys| keys.keys());
        for key in keys {
            if !ANDROID_NOTIFICATION.contains(&key.as_ref()) {
                let mistake = format!("Unknown name \"{key}\": Cannot find field.");
                return Some(("message.android.notification", mistake));
            }
        }
    }
    let link = message
        .webpush
        .as_ref()
        .and_then(|webpush| webpush.fcm_options.as_ref())
        .and_then(|options| options.link.as_deref());
    if link.is_some_and(|link| !link.starts_with("https://")) {
        let mistake = "The link must be an HTTPS address.";
        return Some(("message.webpush.fcmOptions.link", mistake.into()));
    }
    None
}

fn is_ttl(ttl: &str) -> bool {
    let Some(number) = ttl.strip_suffix('s') else {
        return false;
    };
    let fraction = number.split_once('.').map_or(0, |(_, digits)| digits.len());
    let digits = number
        .bytes()
        .all(|byte| byte.is_ascii_digit() || byte == b'.');
    digits
        && fraction <= 9
        && number
            .parse::<f64>()
            .is_ok_and(|seconds| (0.0..=LONGEST_TTL_SECONDS).contains(&seconds))
}

/// Keys and values of the data and the texts of the notification; platform data come on top.
fn size(message: &Message<'_>) -> Found {
    let android = message
        .android
        .as_ref()
        .and_then(|android| android.data.as_ref());
    let webpush = message
        .webpush
        .as_ref()
        .and_then(|webpush| webpush.data.as_ref());
    let texts: usize = [message.data.as_ref(), android, webpush]
        .into_iter()
        .flatten()
        .flatten()
        .map(|(key, value)| key.len() + value.len())
        .sum();
    let notification: usize = message.notification.iter().fold(0, |sum, shown| {
        [&shown.title, &shown.body, &shown.image]
            .into_iter()
            .flatten()
            .fold(sum, |sum, text| sum + text.len())
    });
    let to_topic = message.topic.is_some() || message.condition.is_some();
    let limit = if to_topic {
        LARGEST_TOPIC_PAYLOAD
    } else {
        LARGEST_PAYLOAD
    };
    (texts + notification > limit).then(|| {
        let mistake = format!("Message is too big: at most {limit} bytes.");
        ("message", mistake)
    })
}
