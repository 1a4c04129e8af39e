//! A notification as SendGrid's Mail Send wants it.

use std::borrow::Cow;

use serde::Serialize;
use uuid::Uuid;

use super::settings::SendgridSender;
use crate::domain::{Channel, Reason, Reply};
use crate::providers::Delivery;
use crate::providers::verdict::{
    AUTO_RESPONSE_SUPPRESS, AUTO_SUBMITTED, ONE_CLICK, filled, fit, refuse, subject, usable_address,
};

#[derive(Serialize)]
struct SendgridMail<'a> {
    personalizations: &'a [Personalization<'a>],
    from: From<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reply_to: Option<To<'a>>,
    subject: Cow<'a, str>,
    content: Vec<SendgridPart<'a>>,
    headers: Headers,
    #[serde(skip_serializing_if = "Option::is_none")]
    mail_settings: Option<MailSettings>,
}

#[derive(Serialize)]
struct Personalization<'a> {
    to: [To<'a>; 1],
    custom_args: CustomArgs,
    #[serde(skip_serializing_if = "Option::is_none")]
    headers: Option<OwnHeaders<'a>>,
}

impl<'a> Personalization<'a> {
    fn of(delivery: &Delivery<'a>) -> Self {
        Self {
            to: [To {
                email: delivery.address,
            }],
            custom_args: CustomArgs {
                herald_notification_id: delivery.notification_id,
            },
            headers: delivery.unsubscribe_url.map(|url| OwnHeaders {
                auto_submitted: AUTO_SUBMITTED,
                auto_response_suppress: AUTO_RESPONSE_SUPPRESS,
                list_unsubscribe: AngleBrackets(url),
                list_unsubscribe_post: ONE_CLICK,
            }),
        }
    }
}

/// Headers of one mail, which stand in place of those of all: each reader has a link of their own.
#[derive(Serialize)]
struct OwnHeaders<'a> {
    #[serde(rename = "Auto-Submitted")]
    auto_submitted: &'static str,
    #[serde(rename = "X-Auto-Response-Suppress")]
    auto_response_suppress: &'static str,
    #[serde(rename = "List-Unsubscribe")]
    list_unsubscribe: AngleBrackets<'a>,
    #[serde(rename = "List-Unsubscribe-Post")]
    list_unsubscribe_post: &'static str,
}

/// An address as RFC 2369 writes it.
struct AngleBrackets<'a>(&'a str);

impl Serialize for AngleBrackets<'_> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&format_args!("<{}>", self.0))
    }
}

#[derive(Serialize)]
struct To<'a> {
    email: &'a str,
}

/// Comes back, flattened, in every event about this mail. On the personalization, since the
/// official description of the top-level field is wrong (a string, where clients send an object).
#[derive(Serialize)]
struct CustomArgs {
    herald_notification_id: Uuid,
}

#[derive(Serialize)]
struct From<'a> {
    email: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
}

#[derive(Serialize)]
struct SendgridPart<'a> {
    #[serde(rename = "type")]
    mime: &'static str,
    value: &'a str,
}

#[derive(Serialize)]
struct Headers {
    #[serde(rename = "Auto-Submitted")]
    auto_submitted: &'static str,
    #[serde(rename = "X-Auto-Response-Suppress")]
    auto_response_suppress: &'static str,
}

#[derive(Serialize)]
struct MailSettings {
    sandbox_mode: Switch,
}

#[derive(Serialize)]
struct Switch {
    enable: bool,
}

/// The body of the request, or the refusal of a mail that SendGrid could only refuse too.
pub(crate) fn body(sender: &SendgridSender, delivery: &Delivery<'_>) -> Result<Vec<u8>, Reply> {
    usable_address(delivery.address)?;
    whole(sender, delivery, &[Personalization::of(delivery)])
}

/// The body of one request for several, whose content is the first one's. Their addresses are usable
/// and different: SendGrid refuses the whole when one stands in it twice.
pub(crate) fn body_of_many(
    sender: &SendgridSender,
    deliveries: &[&Delivery<'_>],
) -> Result<Vec<u8>, Reply> {
    let Some(first) = deliveries.first() else {
        return Err(refuse(Reason::NoAddress, "nobody is to be sent to"));
    };
    let each = deliveries.iter().map(|one| Personalization::of(one));
    whole(sender, first, &each.collect::<Vec<_>>())
}

fn whole<'a>(
    sender: &'a SendgridSender,
    delivery: &Delivery<'a>,
    personalizations: &'a [Personalization<'a>],
) -> Result<Vec<u8>, Reply> {
    fit(Channel::Email, delivery.content)?;
    let mail = SendgridMail {
        personalizations,
        from: From {
            email: &sender.from,
            name: sender.name.as_deref(),
        },
        reply_to: delivery
            .content
            .reply_to
            .as_deref()
            .map(|email| To { email }),
        subject: subject(delivery.content),
        content: parts(delivery),
        headers: Headers {
            auto_submitted: AUTO_SUBMITTED,
            auto_response_suppress: AUTO_RESPONSE_SUPPRESS,
        },
        mail_settings: sender.sandbox.then_some(MailSettings {
            sandbox_mode: Switch { enable: true },
        }),
    };
    serde_json::to_vec(&mail).map_err(|error| refuse(Reason::ContentRefused, &error.to_string()))
}

/// SendGrid: plain text first, each part at least one character long.
fn parts<'a>(delivery: &Delivery<'a>) -> Vec<SendgridPart<'a>> {
    let plain = filled(delivery.content.body.as_ref()).map(|value| SendgridPart {
        mime: "text/plain",
        value,
    });
    let html = filled(delivery.content.html.as_ref()).map(|value| SendgridPart {
        mime: "text/html",
        value,
    });
    plain.into_iter().chain(html).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Content;
    use crate::providers::testing::delivery;

    fn sender() -> SendgridSender {
        SendgridSender {
            from: "hello@example.com".to_owned(),
            name: None,
            sandbox: false,
        }
    }

    fn mail() -> Content {
        Content {
            subject: Some("Hi".to_owned()),
            body: Some("Text".to_owned()),
            ..Content::default()
        }
    }

    fn json(sender: &SendgridSender, content: &Content) -> String {
        let body = body(sender, &delivery("ana@example.com", content)).unwrap();
        let value: serde_json::Value = serde_json::from_slice(&body).unwrap();
        serde_json::to_string_pretty(&value).unwrap()
    }

    #[test]
    fn the_least_mail() {
        insta::assert_snapshot!(json(&sender(), &mail()), @r#"
        {
          "content": [
            {
              "type": "text/plain",
              "value": "Text"
            }
          ],
          "from": {
            "email": "hello@example.com"
          },
          "headers": {
            "Auto-Submitted": "auto-generated",
            "X-Auto-Response-Suppress": "DR, RN, NRN, OOF, AutoReply"
          },
          "personalizations": [
            {
              "custom_args": {
                "herald_notification_id": "0190c1a0-0000-7000-8000-00000000000a"
              },
              "to": [
                {
                  "email": "ana@example.com"
                }
              ]
            }
          ],
          "subject": "Hi"
        }
        "#);
    }

    #[test]
    fn answers_go_where_the_content_says() {
        let content = Content {
            reply_to: Some("reply+abc@desk.example.com".to_owned()),
            ..mail()
        };
        let sent: serde_json::Value = serde_json::from_str(&json(&sender(), &content)).unwrap();
        assert_eq!(sent["reply_to"]["email"], "reply+abc@desk.example.com");
    }

    #[test]
    fn html_name_and_sandbox() {
        let sender = SendgridSender {
            name: Some("Herald".to_owned()),
            sandbox: true,
            ..sender()
        };
        let content = Content {
            html: Some("<p>Text</p>".to_owned()),
            ..mail()
        };
        insta::assert_snapshot!(json(&sender, &content), @r#"
        {
          "content": [
            {
              "type": "text/plain",
              "value": "Text"
            },
            {
              "type": "text/html",
              "value": "<p>Text</p>"
            }
          ],
          "from": {
            "email": "hello@example.com",
            "name": "Herald"
          },
          "headers": {
            "Auto-Submitted": "auto-generated",
            "X-Auto-Response-Suppress": "DR, RN, NRN, OOF, AutoReply"
          },
          "mail_settings": {
            "sandbox_mode": {
              "enable": true
            }
          },
          "personalizations": [
            {
              "custom_args": {
                "herald_notification_id": "0190c1a0-0000-7000-8000-00000000000a"
              },
              "to": [
                {
                  "email": "ana@example.com"
                }
              ]
            }
          ],
          "subject": "Hi"
        }
        "#);
    }

    #[test]
    fn batch_request_has_a_personalization_for_each_recipient() {
        let (content, sender) = (mail(), sender());
        let ana = delivery("ana@example.com", &content);
        let ben = Delivery {
            notification_id: uuid::uuid!("0190c1a0-0000-7000-8000-00000000000b"),
            ..delivery("ben@example.com", &content)
        };
        let body = body_of_many(&sender, &[&ana, &ben]).unwrap();
        insta::assert_snapshot!(String::from_utf8(body).unwrap(), @r#"{"personalizations":[{"to":[{"email":"ana@example.com"}],"custom_args":{"herald_notification_id":"0190c1a0-0000-7000-8000-00000000000a"}},{"to":[{"email":"ben@example.com"}],"custom_args":{"herald_notification_id":"0190c1a0-0000-7000-8000-00000000000b"}}],"from":{"email":"hello@example.com"},"subject":"Hi","content":[{"type":"text/plain","value":"Text"}],"headers":{"Auto-Submitted":"auto-generated","X-Auto-Response-Suppress":"DR, RN, NRN, OOF, AutoReply"}}"#);
        // One alone is the same request as ever.
        assert_eq!(
            body_of_many(&sender, &[&ana]).unwrap(),
            super::body(&sender, &ana).unwrap()
        );
    }

    #[test]
    fn each_mail_of_a_request_has_headers_with_its_readers_own_link() {
        let (content, sender) = (mail(), sender());
        let ana = Delivery {
            unsubscribe_url: Some("https://herald.example.com/u/ana"),
            ..delivery("ana@example.com", &content)
        };
        let ben = delivery("ben@example.com", &content);
        let body = body_of_many(&sender, &[&ana, &ben]).unwrap();
        let body: serde_json::Value = serde_json::from_slice(&body).unwrap();
        let expected = serde_json::json!({
            "Auto-Submitted": "auto-generated",
            "List-Unsubscribe": "<https://herald.example.com/u/ana>",
            "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
            "X-Auto-Response-Suppress": "DR, RN, NRN, OOF, AutoReply",
        });
        assert_eq!(body["personalizations"][0]["headers"], expected);
        assert_eq!(body["personalizations"][1].get("headers"), None);
    }

    #[test]
    fn mail_that_sendgrid_would_refuse_is_not_sent() {
        let blank = Some(" ".to_owned());
        let no_subject = Content {
            subject: blank.clone(),
            ..mail()
        };
        let no_body = Content {
            body: blank,
            ..mail()
        };
        for (address, content, reason) in [
            ("ana@example.com", &no_subject, Reason::ContentRefused),
            ("ana@example.com", &no_body, Reason::ContentRefused),
            ("ana@example.com\n", &mail(), Reason::InvalidRecipient),
            ("", &mail(), Reason::NoAddress),
        ] {
            let reply = body(&sender(), &delivery(address, content)).unwrap_err();
            assert_eq!(reply.reason, Some(reason));
        }
    }
}
