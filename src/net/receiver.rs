//! A small RTMP server on this machine: takes streams and hands over what arrives.

use std::{
    io,
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
    thread::{self, JoinHandle},
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    runtime,
    sync::{Semaphore, watch},
    time::{sleep, timeout},
};

use crate::{
    media::clock::Clock,
    rtmp::{
        receive::{Input, ReceivePolicy, ReceiveSession, Received},
        session::Output,
    },
    units::MediaTime,
};

/// A running receiver. Dropping it closes all connections and ends its thread.
#[derive(Debug)]
pub struct Receiver {
    address: SocketAddr,
    stop: watch::Sender<bool>,
    thread: Option<JoinHandle<()>>,
}

impl Receiver {
    /// Listens at `listen` (port 0 for a free one) for any publisher, and hands what arrives to `sink` on the
    /// receiver's thread. A sink that takes its time makes publishers wait.
    ///
    /// # Errors
    /// When the address cannot be listened at, or the system gives no thread.
    pub fn start(
        listen: SocketAddr,
        sink: impl FnMut(Received) + Send + 'static,
    ) -> io::Result<Self> {
        Self::start_with(listen, ReceivePolicy::default(), sink)
    }

    /// The same for those publishers that `policy` lets in.
    ///
    /// # Errors
    /// As [`Receiver::start`].
    pub fn start_with(
        listen: SocketAddr,
        policy: ReceivePolicy,
        sink: impl FnMut(Received) + Send + 'static,
    ) -> io::Result<Self> {
        let runtime = runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let listener = runtime.block_on(TcpListener::bind(listen))?;
        let address = listener.local_addr()?;
        let (stop, mut stopped) = watch::channel(false);
        let server = Arc::new(Server {
            policy,
            clock: Clock::start(),
            sink: Mutex::new(Box::new(sink)),
        });
        let thread = thread::Builder::new()
            .name("receiver".to_owned())
            .spawn(move || {
                runtime.block_on(async {
                    tokio::select! {
                        () = accept(listener, server) => {}
                        // An error means that the handle is gone, which asks for the same.
                        _ = stopped.wait_for(|stopped| *stopped) => {}
                    }
                });
                runtime.shutdown_background();
            })?;
        Ok(Self {
            address,
            stop,
            thread: Some(thread),
        })
    }

    /// Where it listens.
    #[must_use]
    pub fn local_addr(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.stop.send_replace(true);
        if let Some(thread) = self.thread.take() {
            // It ends at once, unless the sink panicked; that panic was told when it happened.
            let _ = thread.join();
        }
    }
}

/// What all connections share.
struct Server {
    policy: ReceivePolicy,
    clock: Clock,
    sink: Mutex<Box<dyn FnMut(Received) + Send>>,
}

impl Server {
    fn hand_over(&self, received: Received) {
        let mut sink = self.sink.lock().unwrap_or_else(PoisonError::into_inner);
        sink(received);
    }
}

async fn accept(listener: TcpListener, server: Arc<Server>) {
    let places = Arc::new(Semaphore::new(MOST_CONNECTIONS));
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            // Out of handles, or the connection is gone already: others may come.
            sleep(PAUSE_AFTER_FAILURE).await;
            continue;
        };
        let Ok(place) = Arc::clone(&places).try_acquire_owned() else {
            continue; // closes it
        };
        let server = Arc::clone(&server);
        tokio::spawn(async move {
            let result = serve(stream, &server).await;
            if let Err(error) = result {
                tracing::debug!(%error, "a publisher's connection broke");
            }
            drop(place);
        });
    }
}

/// Serves one publisher until it or its connection ends.
async fn serve(mut stream: TcpStream, server: &Server) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let now = server.clock.now();
    let mut session = ReceiveSession::new(now, server.policy.clone(), fastrand::u64(..));
    let mut buffer = vec![0; READ_BYTES];
    while let Some(wake_at) = drain(&mut session, &mut stream, server).await? {
        tokio::select! {
            result = stream.read(&mut buffer) => {
                let input = match result {
                    Ok(count @ 1..) => Input::Received(&buffer[..count]),
                    Ok(0) | Err(_) => Input::PeerClosed,
                };
                session.handle_input(server.clock.now(), input);
            }
            () = sleep(server.clock.until(wake_at)) => {
                session.handle_input(server.clock.now(), Input::Tick);
            }
        }
    }
    stream.shutdown().await
}

/// Does what the session wants done; returns when it wants to be woken, `None` once it has ended.
async fn drain(
    session: &mut ReceiveSession,
    stream: &mut TcpStream,
    server: &Server,
) -> io::Result<Option<MediaTime>> {
    let mut broken = None;
    loop {
        match session.poll_output() {
            Output::Send(bytes) if broken.is_none() => {
                // A publisher that does not read is not served.
                let sent = timeout(SEND_TIMEOUT, stream.write_all(&bytes)).await;
                let sent = sent.unwrap_or_else(|elapsed| Err(elapsed.into()));
                if let Err(error) = sent {
                    broken = Some(error);
                    session.handle_input(server.clock.now(), Input::PeerClosed);
                }
            }
            Output::Send(_) => {}
            Output::Event(received) => server.hand_over(received),
            Output::WakeAt(time) => {
                return match broken {
                    Some(error) => Err(error),
                    None => Ok(time),
                };
            }
        }
    }
}

/// Publishers at the same time.
const MOST_CONNECTIONS: usize = 8;
/// How much is read at once.
const READ_BYTES: usize = 64 * 1024;
/// How long a publisher may leave an answer unread.
const SEND_TIMEOUT: Duration = Duration::from_secs(5);
/// How long to wait when no connection could be accepted.
const PAUSE_AFTER_FAILURE: Duration = Duration::from_millis(50);
