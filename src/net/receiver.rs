//! A small RTMP server on this machine: takes streams, hands over what arrives, and lets players watch it.
//!
//! | file | what it is about |
//! |---|---|
//! | `connection` | one client, from its first byte to its last |
//! | `entrance` | how many clients there may be, and how much one may send |
//! | [`identity`] | certificate and key, for `rtmps://` |
//!
//! Everything runs on one thread. A client is served by a task of its own, which alone suffers when the client
//! is slow, silent or hostile.

mod connection;
mod entrance;
pub mod identity;

use std::{
    convert::Infallible,
    io,
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    thread::{self, JoinHandle},
    time::Duration,
};

use tokio::{
    net::TcpListener,
    runtime,
    sync::{mpsc, watch},
    time::{sleep, timeout},
};
use tokio_rustls::{TlsAcceptor, rustls::crypto::ring};

use self::{entrance::Entrance, identity::Identity};
use crate::{
    media::clock::Clock,
    rtmp::{
        receive::{Gate, ReceivePolicy, Received, hub::Hub},
        url::Credentials,
    },
};

/// A running receiver. Dropping it tells its players that nothing more comes, closes all connections and ends
/// its thread.
#[derive(Debug)]
pub struct Receiver {
    address: SocketAddr,
    stop: watch::Sender<bool>,
    thread: Option<JoinHandle<()>>,
    server: Arc<Server>,
}

/// Whom a receiver serves, and how.
#[derive(Debug)]
pub struct ReceiverConfig {
    /// Who may publish and play.
    pub policy: ReceivePolicy,
    /// Who must log in first; `None` asks nobody.
    pub login: Option<Credentials>,
    /// For `rtmps://`; without it, it is `rtmp://`.
    pub identity: Option<Identity>,
    /// How long a client may take to read what is sent to it at once: the last message, and at most 64 KiB
    /// before it.
    pub patience: Duration,
}

impl Default for ReceiverConfig {
    fn default() -> Self {
        Self {
            policy: ReceivePolicy::default(),
            login: None,
            identity: None,
            patience: Duration::from_secs(10),
        }
    }
}

/// What a client did.
#[derive(Clone, Debug, PartialEq)]
pub struct ReceiverEvent {
    /// Which connection, counted from the receiver's begin.
    pub connection: u64,
    /// Where the client is.
    pub peer: SocketAddr,
    /// What it did. An end without a begin is that of a client that was refused, or was none.
    pub received: Received,
}

/// How much there is of everything that is limited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Figures {
    /// Open connections.
    pub connections: usize,
    /// Connections that neither publish nor play yet.
    pub strangers: usize,
    /// Streams, with those that are over and still played.
    pub streams: usize,
    /// Players, with those that wait.
    pub players: usize,
    /// Bytes of media kept for players.
    pub kept_bytes: usize,
    /// Pictures and blocks of sound that players missed because they were too slow.
    pub lost: u64,
}

impl Receiver {
    /// Listens at `listen` (port 0 for a free one) for anybody, and hands what arrives to `sink` on the
    /// receiver's thread. A sink that takes its time makes everybody wait.
    ///
    /// # Errors
    /// When the address cannot be listened at, or the system gives no thread.
    pub fn start(
        listen: SocketAddr,
        sink: impl FnMut(Received) + Send + 'static,
    ) -> io::Result<Self> {
        Self::start_with(listen, ReceivePolicy::default(), sink)
    }

    /// The same for those that `policy` lets in.
    ///
    /// # Errors
    /// As [`Receiver::start`].
    pub fn start_with(
        listen: SocketAddr,
        policy: ReceivePolicy,
        mut sink: impl FnMut(Received) + Send + 'static,
    ) -> io::Result<Self> {
        let config = ReceiverConfig {
            policy,
            ..ReceiverConfig::default()
        };
        Self::run(listen, config, move |event| sink(event.received))
    }

    /// The same as `config` says; `sink` is told who did what.
    ///
    /// # Errors
    /// As [`Receiver::start`].
    pub fn run(
        listen: SocketAddr,
        config: ReceiverConfig,
        sink: impl FnMut(ReceiverEvent) + Send + 'static,
    ) -> io::Result<Self> {
        let runtime = runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let listener = runtime.block_on(TcpListener::bind(listen))?;
        let address = listener.local_addr()?;
        let (stop, stopped) = watch::channel(false);
        let server = Arc::new(Server::new(config, Box::new(sink))?);
        let thread = {
            let server = Arc::clone(&server);
            thread::Builder::new()
                .name("receiver".to_owned())
                .spawn(move || {
                    runtime.block_on(serve(listener, server, stopped));
                    runtime.shutdown_background();
                })?
        };
        Ok(Self {
            address,
            stop,
            thread: Some(thread),
            server,
        })
    }

    /// Where it listens.
    #[must_use]
    pub fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// How much there is of everything that is limited.
    #[must_use]
    pub fn figures(&self) -> Figures {
        let (connections, strangers) = self.server.entrance.count();
        let hub = self.server.hub();
        Figures {
            connections,
            strangers,
            streams: hub.streams(),
            players: hub.players(),
            kept_bytes: hub.bytes(),
            lost: hub.lost(),
        }
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.stop.send_replace(true);
        if let Some(thread) = self.thread.take() {
            // It ends within [`LAST_WORDS`], unless the sink panicked; that panic was told when it happened.
            let _ = thread.join();
        }
    }
}

/// What all connections share.
struct Server {
    policy: ReceivePolicy,
    patience: Duration,
    tls: Option<TlsAcceptor>,
    clock: Clock,
    entrance: Arc<Entrance>,
    hub: Mutex<Hub>,
    /// Changes whenever players may have something to do.
    news: watch::Sender<()>,
    sink: Mutex<Box<dyn FnMut(ReceiverEvent) + Send>>,
}

impl Server {
    fn new(config: ReceiverConfig, sink: Box<dyn FnMut(ReceiverEvent) + Send>) -> io::Result<Self> {
        let mut policy = config.policy;
        if let Some(credentials) = config.login {
            let mut seal = [0; 32];
            (ring::default_provider().secure_random.fill(&mut seal))
                .map_err(|_no_details| io::Error::other("the system gives no random numbers"))?;
            policy.login = Some(Gate::new(credentials, seal));
        }
        Ok(Self {
            policy,
            patience: config.patience,
            tls: config.identity.map(Identity::acceptor),
            clock: Clock::start(),
            entrance: Arc::new(Entrance::default()),
            hub: Mutex::default(),
            news: watch::Sender::new(()),
            sink: Mutex::new(sink),
        })
    }

    fn hub(&self) -> MutexGuard<'_, Hub> {
        // What a panic left behind is whole: every change of the hub is.
        self.hub.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn hand_over(&self, event: ReceiverEvent) {
        let mut sink = self.sink.lock().unwrap_or_else(PoisonError::into_inner);
        sink(event);
    }
}

impl std::fmt::Debug for Server {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Server")
            .field("policy", &self.policy)
            .finish_non_exhaustive()
    }
}

async fn serve(listener: TcpListener, server: Arc<Server>, mut stopped: connection::Stopped) {
    // Each connection holds a sender; nothing is sent.
    let (open, mut all_closed) = mpsc::channel(1);
    tokio::select! {
        () = accept(listener, server, stopped.clone(), open) => {}
        () = connection::stop(&mut stopped) => {}
    }
    let _ = timeout(LAST_WORDS, all_closed.recv()).await;
}

async fn accept(
    listener: TcpListener,
    server: Arc<Server>,
    stopped: connection::Stopped,
    open: mpsc::Sender<Infallible>,
) {
    for connection in 1.. {
        let (stream, peer) = loop {
            match listener.accept().await {
                Ok(accepted) => break accepted,
                // Out of handles, or the connection is gone already: others may come.
                Err(_) => sleep(PAUSE_AFTER_FAILURE).await,
            }
        };
        let Some((place, evicted)) = server.entrance.admit(connection, peer.ip()) else {
            continue; // closes it
        };
        let who = connection::Who { connection, peer };
        let (stopped, server) = (stopped.clone(), Arc::clone(&server));
        let served = connection::serve(stream, who, place, evicted, stopped, server);
        let open = open.clone();
        tokio::spawn(async move {
            if let Err(error) = served.await {
                tracing::debug!(%error, "a client's connection broke");
            }
            drop(open);
        });
    }
}

/// How long clients may take to go when the receiver stops.
const LAST_WORDS: Duration = Duration::from_millis(250);
/// How long to wait when no connection could be accepted.
const PAUSE_AFTER_FAILURE: Duration = Duration::from_millis(50);

#[cfg(test)]
mod tests;
