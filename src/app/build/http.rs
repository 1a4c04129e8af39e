//! How HTTP is taken, and the certificate that is renewed without a lost connection.

use std::sync::Arc;
use std::time::Duration;

use crate::api::{ConsoleParts, ServerSettings};
use crate::app::StartError;
use crate::app::context::EngineContext;
use crate::config::Settings;
use crate::domain::sendgrid_key::SendgridCallKey;
use crate::tls::ServerIdentity;

/// How often the files of the certificate are read.
const LOOK: Duration = Duration::from_secs(1);

/// As the settings say.
pub(super) fn server_settings(
    settings: &Settings,
    context: &EngineContext,
    parts: ConsoleParts,
) -> Result<ServerSettings, StartError> {
    let http = &settings.http;
    let certificate = |error: crate::tls::TlsError| StartError::Certificate(error.to_string());
    let identity = ServerIdentity::load(&http.tls).map_err(certificate)?;
    let tls = identity.as_ref().map(ServerIdentity::configuration);
    let tls = tls.transpose().map_err(certificate)?;
    if let Some(identity) = identity {
        renew(context, identity);
    }
    Ok(ServerSettings {
        address: http.bind,
        metrics_address: http.metrics_bind,
        tls,
        public_url: http.public_url.as_ref().map(ToString::to_string),
        console: settings.console.enabled.then_some(parts),
        workers: http.workers,
        trusted_proxies: http.trusted_proxies.clone().into(),
        mail_key: mail_key(settings),
        cors_origins: http.cors_origins.clone().into(),
        head_timeout: http.head_timeout,
        body_timeout: http.body_timeout,
        write_timeout: http.write_timeout,
        keep_alive: http.keep_alive,
        connections: http.connections,
        connections_per_address: http.connections_per_address,
    })
}

fn mail_key(settings: &Settings) -> Option<Arc<SendgridCallKey>> {
    let mail = settings.tickets.mail.as_ref()?;
    mail.hook_public_key.clone().map(Arc::new)
}

/// Shows a renewed certificate from the next connection on. One that is no good is told of once, and the old
/// one stays.
fn renew(context: &EngineContext, identity: ServerIdentity) {
    let stop = context.phases.end_of_run.clone();
    context.tasks.spawn("renew the certificate", async move {
        let mut told = None;
        while stop.or(tokio::time::sleep(LOOK)).await.is_some() {
            let looked = identity.clone();
            let Ok(renewed) = tokio::task::spawn_blocking(move || looked.reload()).await else {
                continue;
            };
            match renewed {
                Ok(is_new) => {
                    if is_new {
                        tracing::info!("the renewed certificate is shown from now on");
                    }
                    told = None;
                }
                Err(error) => {
                    let why = error.to_string();
                    if told.as_ref() != Some(&why) {
                        tracing::error!(
                            why,
                            "the certificate cannot be renewed: the old one stays"
                        );
                        told = Some(why);
                    }
                }
            }
        }
    });
}
