//! One client, from its first byte to its last.

use std::{io, net::SocketAddr, sync::Arc, time::Duration};

use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::TcpStream,
    sync::watch,
    time::{sleep, timeout},
};

use super::{
    ReceiverEvent, Server,
    entrance::{Evicted, Place, Throttle},
};
use crate::{
    rtmp::{
        receive::{
            Input, ReceiveSession, Received, Refusal,
            hub::{Next, PlayerId, StreamId},
        },
        session::Output,
    },
    secret::Secret,
    units::MediaTime,
};

/// Which client.
#[derive(Clone, Copy, Debug)]
pub(super) struct Who {
    pub(super) connection: u64,
    pub(super) peer: SocketAddr,
}

/// Serves a client until it or its connection ends.
pub(super) async fn serve(
    stream: TcpStream,
    who: Who,
    place: Place,
    mut evicted: Evicted,
    stopped: Stopped,
    server: Arc<Server>,
) -> io::Result<()> {
    stream.set_nodelay(true)?;
    match &server.tls {
        None => talk(stream, who, place, evicted, stopped, &server).await,
        Some(tls) => {
            let secured = tokio::select! {
                secured = timeout(TLS_TIMEOUT, tls.accept(stream)) => {
                    secured.unwrap_or_else(|elapsed| Err(elapsed.into()))
                }
                _ = evicted.changed() => Err(io::Error::other("others came meanwhile")),
            };
            match secured {
                Ok(stream) => talk(stream, who, place, evicted, stopped, &server).await,
                Err(error) => {
                    let because = Some(format!("the connection could not be secured: {error}"));
                    server.hand_over(who.event(Received::Ended { because }));
                    Ok(())
                }
            }
        }
    }
}

/// True once the receiver is being stopped.
pub(super) type Stopped = watch::Receiver<bool>;

/// Waits until the receiver is being stopped.
pub(super) async fn stop(stopped: &mut Stopped) {
    // An error means that its handle is gone, which asks for the same.
    let _ = stopped.wait_for(|stopped| *stopped).await;
}

impl Who {
    fn event(self, received: Received) -> ReceiverEvent {
        ReceiverEvent {
            connection: self.connection,
            peer: self.peer,
            received,
        }
    }
}

async fn talk(
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
    who: Who,
    place: Place,
    evicted: Evicted,
    mut stopped: Stopped,
    server: &Server,
) -> io::Result<()> {
    let now = || server.clock.now();
    let seed = fastrand::u64(..);
    let mut client = Client {
        session: ReceiveSession::new(now(), server.policy.clone(), seed),
        seat: Seat { server, role: None },
        who,
        place,
        evicted,
        said_goodbye: false,
    };
    let mut throttle = Throttle::new(now());
    let mut news = server.news.subscribe();
    let mut buffer = vec![0; READ_BYTES];
    while let Some(wake_at) = client.drain(&mut stream).await? {
        news.mark_unchanged();
        let fed = client.feed();
        tokio::select! {
            biased;
            () = stop(&mut stopped) => {
                client.session.handle_input(now(), Input::Stopping);
            }
            result = stream.read(&mut buffer) => {
                let (input, pause) = match result {
                    Ok(count @ 1..) => {
                        (Input::Received(&buffer[..count]), throttle.take(now(), count))
                    }
                    Ok(0) | Err(_) => (Input::PeerClosed, None),
                };
                client.session.handle_input(now(), input);
                if let Some(until) = pause {
                    sleep(server.clock.until(until)).await;
                }
            }
            () = std::future::ready(()), if fed => {}
            _ = news.changed(), if client.session.wants_media() => {}
            _ = client.evicted.changed(), if client.seat.role.is_none() => {
                client.session.handle_input(now(), Input::Evicted);
            }
            () = sleep(server.clock.until(wake_at)) => {
                client.session.handle_input(now(), Input::Tick);
            }
        }
    }
    tokio::select! {
        done = part(&mut stream, &mut buffer, client.said_goodbye) => done,
        // Who takes its time makes room for others.
        _ = client.evicted.changed() => Ok(()),
    }
}

/// Closes the connection of a client whose session is over.
async fn part(
    stream: &mut (impl AsyncRead + AsyncWrite + Unpin),
    buffer: &mut [u8],
    said_goodbye: bool,
) -> io::Result<()> {
    if said_goodbye {
        // Who says goodbye closes first, as GStreamer does: a server that is quicker looks like a broken one.
        let farewell = async { while matches!(stream.read(buffer).await, Ok(1..)) {} };
        if timeout(COURTESY, farewell).await.is_ok() {
            return Ok(());
        }
    }
    // The client may still be talking: a connection that is closed with bytes unread is reset, and the last
    // words to the client would be lost with it.
    let goodbye = async {
        stream.shutdown().await?;
        while stream.read(buffer).await? > 0 {}
        Ok(())
    };
    timeout(GOODBYE_TIMEOUT, goodbye).await.unwrap_or(Ok(()))
}

struct Client<'a> {
    session: ReceiveSession,
    seat: Seat<'a>,
    who: Who,
    place: Place,
    /// Whether it has to make room for others.
    evicted: Evicted,
    /// Whether the session ended because the client wanted it.
    said_goodbye: bool,
}

impl Client<'_> {
    /// Does what the session wants done; returns when it wants to be woken, `None` once it has ended.
    async fn drain(
        &mut self,
        stream: &mut (impl AsyncWrite + Unpin),
    ) -> io::Result<Option<MediaTime>> {
        let mut broken = None;
        loop {
            match self.session.poll_output() {
                Output::Send(bytes) if broken.is_none() => {
                    if let Err(error) = send(stream, &bytes, self.seat.server.patience).await {
                        let input = match error.kind() {
                            io::ErrorKind::TimedOut => Input::PeerStuck,
                            _ => Input::PeerClosed,
                        };
                        broken = Some(error);
                        let now = self.seat.server.clock.now();
                        self.session.handle_input(now, input);
                    }
                }
                Output::Send(_) => {}
                Output::Event(received) => self.take(received),
                Output::WakeAt(time) => {
                    return match broken {
                        Some(error) => Err(error),
                        None => Ok(time),
                    };
                }
            }
        }
    }

    /// Does what an event is about, and hands it to the owner.
    fn take(&mut self, received: Received) {
        let taken = match &received {
            Received::Began { app, key } => {
                self.seat.publish(app, key).map(|()| self.place.is_known())
            }
            Received::Joined { app, key } => {
                (self.seat.play(app, key)).map(|()| self.place.is_known())
            }
            Received::Ended { because } => {
                self.said_goodbye = because.is_none();
                if self.seat.role.is_some() {
                    self.seat.leave();
                    self.evicted = self.place.is_strange_again();
                }
                Ok(())
            }
            media => {
                self.seat.push(media);
                Ok(())
            }
        };
        match taken {
            Ok(()) => self.seat.server.hand_over(self.who.event(received)),
            // Its end tells the owner.
            Err(refusal) => self.session.refuse(refusal),
        }
    }

    /// Gives a player what is next, up to a limit; whether there was anything.
    fn feed(&mut self) -> bool {
        let Some(Role::Player(player)) = self.seat.role else {
            return false;
        };
        let now = self.seat.server.clock.now();
        let mut fed = false;
        while self.session.wants_media() && self.session.unsent() < FEED_BYTES {
            let next = self.seat.server.hub().next(player);
            match &next {
                Next::Nothing => break,
                Next::Media(tag) => self.session.handle_input(now, Input::Media(tag)),
                Next::StreamBegan => self.session.handle_input(now, Input::StreamBegan),
                Next::StreamEnded => self.session.handle_input(now, Input::StreamEnded),
            }
            fed = true;
        }
        fed
    }
}

/// A client's place in the hub; dropping it gives it back.
struct Seat<'a> {
    server: &'a Server,
    role: Option<Role>,
}

#[derive(Clone, Copy)]
enum Role {
    Publisher(StreamId),
    Player(PlayerId),
}

impl Seat<'_> {
    fn publish(&mut self, app: &str, key: &Secret) -> Result<(), Refusal> {
        let stream = self.server.hub().publish(app, key)?;
        self.role = Some(Role::Publisher(stream));
        self.server.news.send_replace(());
        Ok(())
    }

    fn play(&mut self, app: &str, key: &Secret) -> Result<(), Refusal> {
        let player = self.server.hub().join(app, key)?;
        self.role = Some(Role::Player(player));
        Ok(())
    }

    fn push(&self, media: &Received) {
        let (Some(Role::Publisher(stream)), Some(tag)) = (self.role, media.tag()) else {
            return;
        };
        let now = self.server.clock.now();
        self.server.hub().push(stream, now, tag);
        self.server.news.send_replace(());
    }

    fn leave(&mut self) {
        let Some(role) = self.role.take() else {
            return;
        };
        let mut hub = self.server.hub();
        match role {
            Role::Publisher(stream) => hub.unpublish(stream),
            Role::Player(player) => hub.leave(player),
        }
        self.server.news.send_replace(());
    }
}

impl Drop for Seat<'_> {
    fn drop(&mut self) {
        self.leave();
    }
}

/// Sends all of `bytes`, or fails when the client takes too long to read them.
async fn send(
    stream: &mut (impl AsyncWrite + Unpin),
    bytes: &[u8],
    patience: Duration,
) -> io::Result<()> {
    let sent = timeout(patience, async {
        stream.write_all(bytes).await?;
        stream.flush().await
    });
    sent.await.unwrap_or_else(|elapsed| Err(elapsed.into()))
}

/// How much is read at once.
const READ_BYTES: usize = 64 * 1024;
/// How much a player is given at once, but for the last message.
const FEED_BYTES: usize = 64 * 1024;
/// How long securing a connection may take.
const TLS_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a client that said goodbye has to close the connection before it is closed from here.
const COURTESY: Duration = Duration::from_millis(250);
/// How long a client may take to close its end.
const GOODBYE_TIMEOUT: Duration = Duration::from_secs(1);
