//! The five ways to reach a person.

use super::vocabulary::vocabulary;

vocabulary! {
    /// A way to reach a person.
    Channel {
        /// E-mail, by SendGrid or SMTP.
        Email = "email",
        /// Text message, by Twilio.
        Sms = "sms",
        /// Mobile push, by FCM, to every live device of the person.
        Push = "push",
        /// The inbox inside the product: a row that the person reads; no provider.
        InApp = "in_app",
        /// Chat, by Slack.
        Chat = "chat",
    }
}
