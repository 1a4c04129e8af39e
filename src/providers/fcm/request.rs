//! A notification as FCM wants it: camelCase, `HIGH` or `NORMAL`, exactly one target.

use jiff::Timestamp;
use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};
use serde_json::{Map, Value};

use crate::domain::carriage::{push_texts, push_value};
use crate::domain::{Channel, Priority, Reason, Reply};
use crate::providers::Delivery;
use crate::providers::verdict::{fit, refuse, usable_address};

/// FCM: AndroidConfig.ttl, four weeks; also what holds when nothing is said.
const LONGEST_TTL_SECONDS: i64 = 28 * 86_400;

#[derive(Serialize)]
struct FcmRequest<'a> {
    message: FcmMessage<'a>,
}

#[derive(Serialize)]
struct FcmMessage<'a> {
    token: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    notification: Option<Shown<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    data: Option<Data<'a>>,
    android: Android,
    #[serde(skip_serializing_if = "Option::is_none")]
    apns: Option<Apns>,
}

#[derive(Serialize)]
struct Shown<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    title: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    body: Option<&'a str>,
}

#[derive(Serialize)]
struct Android {
    priority: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    ttl: Option<String>,
}

#[derive(Serialize)]
struct Apns {
    headers: ApnsHeaders,
    #[serde(skip_serializing_if = "Option::is_none")]
    payload: Option<ApnsPayload>,
}

#[derive(Serialize)]
struct ApnsHeaders {
    #[serde(rename = "apns-expiration", skip_serializing_if = "Option::is_none")]
    expiration: Option<String>,
    #[serde(rename = "apns-push-type", skip_serializing_if = "Option::is_none")]
    push_type: Option<&'static str>,
    #[serde(rename = "apns-priority", skip_serializing_if = "Option::is_none")]
    priority: Option<&'static str>,
}

#[derive(Serialize)]
struct ApnsPayload {
    aps: Aps,
}

#[derive(Serialize)]
struct Aps {
    #[serde(rename = "content-available")]
    content_available: u8,
}

impl Apns {
    /// What an iPhone needs beside the message: until when, and that an app in the background is to be
    /// woken for data alone (Apple: "Pushing background updates to your App"), which it is not else.
    fn of(delivery: &Delivery<'_>, is_shown: bool) -> Option<Self> {
        let expiration = delivery.expires_at;
        let expiration = expiration.map(|at| at.as_second().max(0).to_string());
        (expiration.is_some() || !is_shown).then(|| Self {
            headers: ApnsHeaders {
                expiration,
                push_type: (!is_shown).then_some("background"),
                priority: (!is_shown).then_some("5"),
            },
            payload: (!is_shown).then_some(ApnsPayload {
                aps: Aps {
                    content_available: 1,
                },
            }),
        })
    }
}

/// FCM: `data` maps texts to texts; other JSON values go as their JSON text.
struct Data<'a>(&'a Map<String, Value>);

impl Serialize for Data<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (key, value) in self.0 {
            map.serialize_entry(key, &push_value(value))?;
        }
        map.end()
    }
}

/// The body of the request, or the refusal of a message that FCM could only refuse too.
pub(crate) fn body(delivery: &Delivery<'_>) -> Result<Vec<u8>, Reply> {
    let token = usable_address(delivery.address)?;
    let content = delivery.content;
    fit(Channel::Push, content)?;
    let notification = shown(delivery);
    let data = content.data.as_ref().filter(|data| !data.is_empty());
    let message = FcmMessage {
        token,
        apns: Apns::of(delivery, notification.is_some()),
        notification,
        data: data.map(Data),
        android: Android {
            priority: priority(delivery.priority),
            ttl: delivery.expires_at.map(|at| ttl(delivery.now, at)),
        },
    };
    serde_json::to_vec(&FcmRequest { message })
        .map_err(|error| refuse(Reason::ContentRefused, &error.to_string()))
}

fn shown<'a>(delivery: &Delivery<'a>) -> Option<Shown<'a>> {
    let (title, body) = push_texts(delivery.content);
    (title.is_some() || body.is_some()).then_some(Shown { title, body })
}

const fn priority(priority: Priority) -> &'static str {
    match priority {
        Priority::Urgent | Priority::High => "HIGH",
        Priority::Normal | Priority::Low => "NORMAL",
    }
}

fn ttl(now: Timestamp, expires_at: Timestamp) -> String {
    let left = expires_at.as_second().saturating_sub(now.as_second());
    format!("{}s", left.clamp(0, LONGEST_TTL_SECONDS))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::domain::Content;
    use crate::providers::testing::{delivery, now};

    fn content(value: Value) -> Content {
        serde_json::from_value(value).unwrap()
    }

    fn json(delivery: &Delivery<'_>) -> String {
        String::from_utf8(body(delivery).unwrap()).unwrap()
    }

    #[test]
    fn the_least_message() {
        let content = content(json!({"body": "Text"}));
        insta::assert_snapshot!(json(&delivery("token-1", &content)), @r#"{"message":{"token":"token-1","notification":{"body":"Text"},"android":{"priority":"NORMAL"}}}"#);
    }

    #[test]
    fn everything_at_once() {
        let data = json!({"order": "A-17", "count": 2, "deep": {"a": [1, null]}, "flag": true});
        let content = content(json!({"title": "T", "body": "B", "data": data}));
        let delivery = Delivery {
            priority: Priority::Urgent,
            expires_at: Timestamp::from_second(now().as_second() + 3_600).ok(),
            ..delivery("token-1", &content)
        };
        insta::assert_snapshot!(json(&delivery), @r#"{"message":{"token":"token-1","notification":{"title":"T","body":"B"},"data":{"count":"2","deep":"{\"a\":[1,null]}","flag":"true","order":"A-17"},"android":{"priority":"HIGH","ttl":"3600s"},"apns":{"headers":{"apns-expiration":"1795179600"}}}}"#);
    }

    #[test]
    fn data_alone_wakes_an_app_in_the_background() {
        let content = content(json!({"data": {"order": "A-17"}}));
        insta::assert_snapshot!(json(&delivery("token-1", &content)), @r#"{"message":{"token":"token-1","data":{"order":"A-17"},"android":{"priority":"NORMAL"},"apns":{"headers":{"apns-push-type":"background","apns-priority":"5"},"payload":{"aps":{"content-available":1}}}}}"#);
    }

    #[test]
    fn numbers_in_the_data_are_the_texts_that_were_written() {
        let data = r#"{"a":89490200001234567890,"b":1.10,"c":1e400,"d":{"e":[1.10,-0]}}"#;
        let written = format!(r#"{{"body":"B","data":{data}}}"#);
        let written = crate::domain::spelling::for_reading(&written).unwrap();
        let content = serde_json::from_str(&written).unwrap();
        insta::assert_snapshot!(json(&delivery("token-1", &content)), @r#"{"message":{"token":"token-1","notification":{"body":"B"},"data":{"a":"89490200001234567890","b":"1.10","c":"1e400","d":"{\"e\":[1.10,-0]}"},"android":{"priority":"NORMAL"}}}"#);
    }

    #[test]
    fn the_time_to_live_stays_within_limits() {
        for (left, expected) in [(-5, "0s"), (60, "60s"), (999_999_999, "2419200s")] {
            let until = Timestamp::from_second(now().as_second() + left).unwrap();
            assert_eq!(ttl(now(), until), expected);
        }
    }

    #[test]
    fn message_that_fcm_would_refuse_is_not_sent() {
        for (value, detail) in [
            (
                json!({"data": {"from": "x"}}),
                "the data key `from` is reserved by FCM",
            ),
            (
                json!({"data": {"google.x": 1}}),
                "the data key `google.x` is reserved by FCM",
            ),
            (
                json!({"data": {}}),
                "a push message needs a title, a body or data",
            ),
            (
                json!({"html": "<p>"}),
                "a push message needs a title, a body or data",
            ),
        ] {
            let content = content(value);
            let reply = body(&delivery("token-1", &content)).unwrap_err();
            assert_eq!(reply.reason, Some(Reason::ContentRefused));
            assert_eq!(reply.detail.as_deref(), Some(detail));
        }
    }
}
