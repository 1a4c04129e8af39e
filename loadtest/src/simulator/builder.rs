//! What a simulator is started with, and its thread.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener as StdListener};
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::runtime;
use tokio::sync::oneshot;

use super::behaviour::Behaviour;
use super::counters::Records;
use super::fcm::Fcm;
use super::handle::Simulator;
use super::http::{self, base_url};
use super::judge::Judge;
use super::sendgrid::SendGrid;
use super::slack::Slack;
use super::state::State;
use super::twilio::Twilio;
use super::{Provider, smtp};
use crate::events::EventTeller;
use crate::ledger::Ledger;

/// What a simulator is started with; [`Simulator::builder`] makes one.
#[derive(Debug)]
pub struct Builder {
    provider: Provider,
    port: u16,
    control_port: u16,
    ledger: Arc<Ledger>,
    behaviour: Behaviour,
    credential: Option<String>,
    record: usize,
    patience: Option<Duration>,
    teller: Option<Arc<EventTeller>>,
}

impl Simulator {
    /// Starts a well-behaved simulator on a free port with a ledger of its own.
    ///
    /// # Errors
    /// When no socket or thread can be had.
    pub fn start(provider: Provider) -> io::Result<Self> {
        Self::builder(provider).start()
    }

    /// A simulator to be configured before it starts.
    #[must_use]
    pub fn builder(provider: Provider) -> Builder {
        Builder::new(provider)
    }
}

impl Builder {
    pub(super) fn new(provider: Provider) -> Self {
        Self {
            provider,
            port: 0,
            control_port: 0,
            ledger: Arc::default(),
            behaviour: Behaviour::default(),
            credential: None,
            record: 0,
            patience: None,
            teller: None,
        }
    }

    /// The port to listen on at 127.0.0.1; 0, the default, takes a free one.
    #[must_use]
    pub fn port(mut self, port: u16) -> Self {
        self.port = port;
        self
    }

    /// The port of a mail server's control endpoint; 0, the default, takes a free one. The HTTP
    /// simulators have theirs on their own port.
    #[must_use]
    pub fn control_port(mut self, port: u16) -> Self {
        self.control_port = port;
        self
    }

    /// The ledger to write to; several simulators may share one. By default each has its own.
    #[must_use]
    pub fn ledger(mut self, ledger: Arc<Ledger>) -> Self {
        self.ledger = ledger;
        self
    }

    /// The script from the first request on.
    #[must_use]
    pub fn behaviour(mut self, behaviour: Behaviour) -> Self {
        self.behaviour = behaviour;
        self
    }

    /// The only credential that is accepted: SendGrid's API key, Twilio's or the mail server's
    /// `user:password`, Slack's bot token. By default any that is not empty; FCM always checks.
    #[must_use]
    pub fn credential(mut self, credential: impl Into<String>) -> Self {
        self.credential = Some(credential.into());
        self
    }

    /// Keeps the last `count` requests for [`Simulator::requests`]; 0 by default.
    #[must_use]
    pub fn record(mut self, count: usize) -> Self {
        self.record = count;
        self
    }

    /// How long clients wait for an answer: one that takes longer is a lost one. By default only a
    /// client that has gone loses an answer.
    #[must_use]
    pub fn patience(mut self, patience: Duration) -> Self {
        self.patience = Some(patience);
        self
    }

    /// Who tells later what became of each accepted message. By default nobody does.
    #[must_use]
    pub fn told_by(mut self, teller: Option<Arc<EventTeller>>) -> Self {
        self.teller = teller;
        self
    }

    /// Starts the simulator on a thread of its own; it serves when this returns.
    ///
    /// # Errors
    /// When the port is taken, or the thread or its runtime cannot be made.
    pub fn start(self) -> io::Result<Simulator> {
        let (listener, address) = listen(self.port)?;
        let control = match self.provider {
            Provider::Smtp => Some(listen(self.control_port)?),
            _ => None,
        };
        let state = Arc::new(State::new(
            self.provider,
            self.ledger,
            self.behaviour,
            Records::keeping(self.record),
            self.patience,
            self.teller,
        ));
        let control_address = control.as_ref().map_or(address, |(_, address)| *address);
        let fcm = match self.provider {
            Provider::Fcm => {
                let token_uri = format!("{}/token", base_url(address));
                Some(Arc::new(Fcm::new(token_uri).map_err(io::Error::other)?))
            }
            _ => None,
        };
        let work = Work {
            listener,
            control: control.map(|(listener, _)| listener),
            judge: judge(self.provider, self.credential.clone(), fcm.clone()),
            credential: self.credential.map(Arc::from),
            state: state.clone(),
        };
        let (stop, stopped) = oneshot::channel();
        Ok(Simulator {
            base_url: match self.provider {
                Provider::Smtp => format!("smtp://{address}"),
                _ => base_url(address),
            },
            address,
            control_address,
            thread: Some(work.on_a_thread(stopped)?),
            stop: Some(stop),
            state,
            fcm,
        })
    }
}

fn listen(port: u16) -> io::Result<(StdListener, SocketAddr)> {
    let listener = StdListener::bind((Ipv4Addr::LOCALHOST, port)).map_err(|error| {
        let hint = "choose another port, or 0 for a free one";
        io::Error::new(
            error.kind(),
            format!("port {port} of 127.0.0.1: {error}; {hint}"),
        )
    })?;
    listener.set_nonblocking(true)?;
    let address = listener.local_addr()?;
    Ok((listener, address))
}

/// The HTTP provider behind a kind; a mail server has none.
fn judge(
    provider: Provider,
    credential: Option<String>,
    fcm: Option<Arc<Fcm>>,
) -> Option<Arc<dyn Judge>> {
    match provider {
        Provider::SendGrid => Some(Arc::new(SendGrid::new(credential))),
        Provider::Twilio => Some(Arc::new(Twilio::new(credential))),
        Provider::Fcm => fcm.map(|fcm| fcm as Arc<dyn Judge>),
        Provider::Slack => Some(Arc::new(Slack::new(credential))),
        Provider::Smtp => None,
    }
}

/// What the simulator's thread needs.
struct Work {
    listener: StdListener,
    control: Option<StdListener>,
    judge: Option<Arc<dyn Judge>>,
    credential: Option<Arc<str>>,
    state: Arc<State>,
}

impl Work {
    /// A thread and a runtime of its own: a test's paused clock or blocked runtime does not reach it,
    /// and one core's worth of work never spreads over both.
    fn on_a_thread(self, stopped: oneshot::Receiver<()>) -> io::Result<JoinHandle<()>> {
        let runtime = runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        thread::Builder::new()
            .name(format!("simulator-{}", self.state.provider))
            .spawn(move || {
                runtime.block_on(async move {
                    tokio::select! {
                        _ = stopped => {}
                        () = self.serve() => {}
                    }
                });
            })
    }

    async fn serve(self) {
        // Both listeners are fresh and non-blocking, so that the runtime takes them.
        let Ok(listener) = TcpListener::from_std(self.listener) else {
            return;
        };
        let state = self.state;
        if let Some(judge) = self.judge {
            let shared = state.clone();
            let one = move |stream| http::serve(stream, shared.clone(), judge.clone());
            return http::accept_all(listener, state, one).await;
        }
        if let Some(Ok(control)) = self.control.map(TcpListener::from_std) {
            let shared = state.clone();
            let one = move |stream| http::serve_control(stream, shared.clone());
            tokio::spawn(http::accept_all(control, state.clone(), one));
        }
        let shared = state.clone();
        let one = move |stream| smtp::serve(stream, shared.clone(), self.credential.clone());
        http::accept_all(listener, state, one).await;
    }
}
