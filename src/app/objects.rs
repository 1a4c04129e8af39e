//! Where the desk keeps files and months are written to, as the settings say; a bucket is reached by the client that all
//! providers share.

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use http_body_util::BodyExt;
use object_store::ClientOptions;
use object_store::client::{
    HttpClient as ObjectClient, HttpConnector, HttpError, HttpErrorKind, HttpRequest,
    HttpRequestBody, HttpResponse, HttpResponseBody, HttpService,
};
use secrecy::ExposeSecret;

use super::StartError;
use super::mail_reader::READER;
use crate::config::{BucketConfig, FilePlace, Settings, TicketMailConfig};
use crate::objects::{ObjectBucket, ObjectError, Objects};
use crate::providers::HttpClient;
use crate::runtime::clock;
use crate::tickets::desk::{DeskMeans, MailMeans};
use crate::tickets::domain::{AttachmentRules, DeskSigner, ReplyAddresses};

/// Longest wait for the head of an answer; a part has five megabytes.
const PATIENCE: Duration = Duration::from_secs(60);

/// What the desk works with.
pub(super) fn means(settings: &Settings, client: &HttpClient) -> Result<DeskMeans, StartError> {
    let files = &settings.tickets.attachments;
    let objects = objects(&files.place, client.clone());
    let objects = objects.map_err(|error| StartError::Attachments(error.to_string()))?;
    let rules = AttachmentRules {
        max_bytes: files.max_bytes,
        max_count: files.max_count,
        allowed_types: files.allowed_types.clone(),
    };
    let keys = settings.secrets.keys.iter();
    let links = DeskSigner::derived(keys.map(|key| &key.expose()[..]), "file links");
    let times = (files.link_lifetime, files.sweep_after);
    let mail = settings.tickets.mail.as_ref().map(mail);
    Ok(DeskMeans::new(objects, rules, links, times, mail))
}

fn mail(mail: &TicketMailConfig) -> MailMeans {
    let keys = mail.reply_keys.iter();
    let keys = keys.map(|key| key.expose_secret().as_bytes());
    let signer = DeskSigner::derived(keys, "reply addresses");
    MailMeans::new(
        ReplyAddresses::new(&mail.domain, signer),
        mail.hook_secret.expose_secret(),
        (mail.max_bytes, mail.per_hour),
        READER,
    )
}

/// Where files are kept.
pub(super) fn objects(place: &FilePlace, client: HttpClient) -> Result<Objects, ObjectError> {
    match place {
        FilePlace::Bucket(bucket) => Objects::in_bucket(named(bucket), BucketTransport(client)),
        FilePlace::Folder(folder) => Ok(Objects::in_folder(folder.clone())),
    }
}

fn named(bucket: &BucketConfig) -> ObjectBucket {
    let shown = |(id, secret): &(secrecy::SecretString, secrecy::SecretString)| {
        (
            id.expose_secret().to_owned(),
            secret.expose_secret().to_owned(),
        )
    };
    ObjectBucket {
        name: bucket.name.clone(),
        endpoint: bucket.endpoint.clone(),
        region: bucket.region.clone(),
        credentials: bucket.credentials.as_ref().map(shown),
    }
}

/// Carries requests to a bucket.
#[derive(Debug, Clone)]
struct BucketTransport(HttpClient);

impl HttpConnector for BucketTransport {
    fn connect(&self, _: &ClientOptions) -> object_store::Result<ObjectClient> {
        Ok(ObjectClient::new(self.clone()))
    }
}

impl HttpService for BucketTransport {
    fn call<'own, 'call>(
        &'own self,
        request: HttpRequest,
    ) -> Pin<Box<dyn Future<Output = Result<HttpResponse, HttpError>> + Send + 'call>>
    where
        'own: 'call,
        Self: 'call,
    {
        Box::pin(async move {
            let (head, body) = request.into_parts();
            let body = body.collect().await?.to_bytes();
            let request = HttpRequest::from_parts(head, HttpRequestBody::empty()).map(|_| body);
            let answered = self.0.stream(request, clock::instant() + PATIENCE).await;
            let answer = answered.map_err(|error| {
                let kind = match error.is_unsent {
                    true => HttpErrorKind::Connect,
                    false => HttpErrorKind::Interrupted,
                };
                HttpError::new(kind, error)
            })?;
            Ok(answer.map(|body| {
                let broken = |error| HttpError::new(HttpErrorKind::Interrupted, error);
                HttpResponseBody::new(body.map_err(broken))
            }))
        })
    }
}
