//! One connection of a publisher: a socket, the session over it, and what is known to have arrived.

use std::{io, sync::Arc, time::Duration};

use bytes::Buf;
use socket2::Socket;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, ReadHalf, WriteHalf, split},
    sync::watch,
    time::sleep,
};

use super::{
    Shared,
    approach::Goal,
    arrived::{Arrived, Seen},
    outgoing::{Outgoing, write_or_flush},
    task::Context,
};
use crate::{
    control::{
        attempts::Quiet,
        bitrate::LinkSample,
        failover::Place,
        watchdog::{Waiting, Watchdog},
    },
    media::{
        clock::Clock,
        packet::{Packet, StreamFormat},
    },
    net::{
        connect::{Connection, Stream, plain},
        network::{Foothold, Network, Standing},
        tcp_info::{self, TcpFigures},
    },
    rtmp::{
        auth::Login,
        publish::{Event, Input, PublishConfig, PublishSession},
        refusal::{Failure, Peer},
        session::Output,
        url::ServerUrl,
    },
    units::{Bitrate, MediaTime},
};

/// A connection that stands. It is driven by calling [`Link::next_event`] until there is none, and then
/// [`Link::step`].
///
/// Dropped while it carries a stream that did not say goodbye, it is reset instead of closed: services keep
/// viewers waiting for a stream that broke off, and send them away from one that ended.
pub(super) struct Link {
    pub(super) server: ServerUrl,
    pub(super) peer: Peer,
    /// Which of the two servers it began with.
    pub(super) place: Place,
    /// The end of it on this computer.
    pub(super) foothold: Option<Foothold>,
    /// Since when the server is spoken to.
    pub(super) opened_at: MediaTime,
    /// Where the server asked the stream to move to.
    pub(super) move_wanted: Option<ServerUrl>,
    clock: Clock,
    shared: Arc<Shared>,
    formats: watch::Receiver<StreamFormat>,
    session: PublishSession,
    socket: Socket,
    reader: ReadHalf<Stream>,
    writer: WriteHalf<Stream>,
    received: Box<[u8]>,
    outgoing: Outgoing,
    /// When the picture was taken that is being written.
    picture: Option<MediaTime>,
    /// Bytes that came from the server.
    heard: u64,
    /// Bytes the socket has taken.
    written: u64,
    /// Of which so many were told as acknowledged.
    told_acknowledged: u64,
    /// Whether TLS may hold bytes back that the socket did not take.
    unflushed: bool,
    /// Why nothing can be written any more, and up to when the server's last words are waited for.
    unwritable: Option<(io::Error, MediaTime)>,
    /// Why the connection is over, unless the session knows better.
    broken: Option<Failure>,
    /// When the session wants to be woken.
    wake_at: Option<MediaTime>,
    arrived: Arrived,
    watchdog: Watchdog,
    media_arrived: bool,
    /// What was seen last, once the stream is accepted.
    seen: Option<Seen>,
    /// When viewers may be told of another format, at the earliest.
    next_format: MediaTime,
    closed_by_server: bool,
    stage: Stage,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// The stream was not accepted yet.
    Opening,
    Accepted,
    /// Goodbye was said.
    Leaving,
    /// The session told its last event.
    Over {
        /// Whether a stream broke off.
        broken_off: bool,
    },
}

impl Link {
    /// A session over `connection`, which leads to `server`.
    pub(super) fn new(
        context: &Context,
        server: ServerUrl,
        connection: Connection,
        login: Option<Login>,
        goal: Goal,
    ) -> Self {
        let peer = Peer::of(&server);
        let (_, key) = context.server_at(goal.place);
        let Connection {
            stream,
            socket,
            proxy,
            ..
        } = connection;
        let (reader, writer) = split(stream);
        let mut formats = context.formats.clone();
        let format = formats.borrow_and_update().clone();
        limit_unsent(&socket, &format);
        let ack_window = ack_window(&format);
        let config = PublishConfig {
            server: server.clone(),
            key: key.clone(),
            options: context.config.options.clone(),
            login,
            ack_window,
            format,
            was_live: goal.was_live,
            seed: fastrand::u64(..),
        };
        let session = PublishSession::new(context.config.clock.now(), config);
        Self {
            server,
            peer,
            place: goal.place,
            foothold: foothold(&socket, &context.network),
            opened_at: context.config.clock.now(),
            move_wanted: None,
            clock: context.config.clock,
            shared: Arc::clone(&context.shared),
            formats,
            session: if goal.hold { session.held() } else { session },
            socket,
            reader,
            writer,
            received: vec![0; READ_BYTES].into_boxed_slice(),
            outgoing: Outgoing::default(),
            picture: None,
            heard: 0,
            written: 0,
            told_acknowledged: 0,
            unflushed: false,
            unwritable: None,
            broken: None,
            wake_at: None,
            arrived: Arrived::new(proxy.map(|_| ack_window)),
            watchdog: Watchdog::new(0),
            media_arrived: false,
            seen: None,
            next_format: MediaTime::ZERO,
            closed_by_server: false,
            stage: Stage::Opening,
        }
    }

    /// Does what the session wants done; returns what it has to tell, one after the other. Nothing follows
    /// an event that ends the session.
    pub(super) fn next_event(&mut self) -> Option<Event> {
        let to_proxy_only = self.seen.is_some_and(|seen| seen.to_proxy_only);
        if to_proxy_only && self.arrived.is_to_be_told() {
            let peer = &self.peer;
            return Some(Event::Note(format!(
                "{peer} is reached through a proxy and does not say what it received: that the stream arrives is known only as far as the proxy."
            )));
        }
        while !self.has_ended() {
            let event = match self.session.poll_output() {
                Output::Send(bytes) => {
                    self.outgoing.push(bytes);
                    continue;
                }
                Output::Event(event) => event,
                Output::WakeAt(time) => {
                    self.wake_at = time;
                    self.note_media();
                    Event::Failed(self.end_without_session()?)
                }
            };
            match event {
                Event::ServerAcknowledged(total) => self.arrived.on_server_word(total),
                Event::MoveWanted { server } => self.move_wanted = Some(server),
                Event::Note(_) => return Some(event),
                Event::Accepted => {
                    self.on_accepted();
                    return Some(event);
                }
                Event::Failed(_) | Event::Closed | Event::Onward(_) => {
                    self.stage = Stage::Over {
                        broken_off: self.stage == Stage::Accepted,
                    };
                    return Some(event);
                }
            }
        }
        None
    }

    /// Waits for one thing that concerns this connection and lets the session know. The socket is read in
    /// every state: a server whose answers nobody takes stops taking, too.
    ///
    /// Nothing is lost when it is given up for something else.
    pub(super) async fn step(&mut self) {
        let wake_at = match &self.unwritable {
            Some((_, until)) => Some(*until),
            None => self.wake_at,
        };
        let pause = wake_at.map_or(Duration::ZERO, |time| self.clock.until(time));
        tokio::select! {
            result = self.reader.read(&mut self.received) => self.on_read(result),
            result = write_or_flush(&mut self.writer, &mut self.outgoing),
                if !self.is_idle() && self.unwritable.is_none() => self.on_write(result),
            Ok(()) = self.formats.changed(), if self.clock.now() >= self.next_format => {
                self.next_format = self.clock.now() + FORMAT_INTERVAL;
                let format = self.formats.borrow_and_update().clone();
                limit_unsent(&self.socket, &format);
                self.handle(Input::Format(format));
            }
            () = sleep(pause), if wake_at.is_some() => match self.unwritable.take() {
                Some((error, _)) => self.lost(&error),
                None => self.handle(Input::Tick),
            },
        }
    }

    /// Whether all that was to be sent is in the kernel's hands.
    pub(super) fn is_idle(&self) -> bool {
        self.outgoing.is_empty() && !self.unflushed
    }

    /// Whether media can be sent.
    pub(super) fn is_publishing(&self) -> bool {
        self.session.is_publishing()
    }

    /// Whether the server could be asked to accept the stream, which is held back.
    pub(super) fn is_held(&self) -> bool {
        self.session.is_held()
    }

    /// Asks the server to accept the stream, if that was held back.
    pub(super) fn release(&mut self) {
        self.handle(Input::Release);
    }

    /// Sends a sign of life on a connection that is held.
    pub(super) fn probe(&mut self) {
        self.handle(Input::Probe);
    }

    /// Whether its end on this computer is still there.
    pub(super) fn standing(&self) -> Standing {
        let foothold = self.foothold.as_ref();
        foothold.map_or(Standing::Ready, Foothold::standing)
    }

    /// Bytes of which it is known that they arrived.
    pub(super) fn acknowledged(&self) -> u64 {
        self.told_acknowledged
    }

    /// Since when something waits to arrive and nothing does.
    pub(super) fn silent_since(&self) -> Option<MediaTime> {
        self.watchdog.waiting_since()
    }

    /// Sends media.
    pub(super) fn send(&mut self, packet: &Packet) {
        if let Some(buffer) = self.outgoing.take_spare() {
            self.session.write_to(buffer);
        }
        self.handle(Input::Media(packet));
        if self.session.has_begun()
            && let Packet::Video(picture) = packet
        {
            self.shared.update_stats(|stats| stats.frames_sent += 1);
            self.picture = Some(picture.captured_at);
        }
    }

    /// Looks, before the stream is accepted, at whether the way is alive.
    pub(super) fn look_while_opening(&mut self, now: MediaTime) -> Quiet {
        let figures = tcp_info::read(&self.socket);
        let (count, waits) = match figures {
            Some(figures) => {
                let waiting = figures.waiting();
                let count = figures
                    .acknowledged
                    .unwrap_or(self.written.saturating_sub(waiting));
                (count, waiting > 0 || !self.is_idle())
            }
            None => (self.heard, true),
        };
        self.watchdog.observe(now, count, waits);
        let since = self.watchdog.waiting_since().unwrap_or(now);
        let time = now.since(since);
        match figures {
            Some(_) => Quiet::Unacknowledged(time),
            None => Quiet::Unheard(time),
        }
    }

    /// Looks at what arrived: up to when media is known to have reached the server, `None` before any did.
    ///
    /// # Errors
    /// When nothing arrives any more.
    pub(super) fn look(&mut self, now: MediaTime) -> Result<Option<MediaTime>, Failure> {
        let seen = self.count_arrived();
        self.seen = Some(seen);
        self.shared.update_stats(|stats| {
            stats.round_trip = seen.figures.map(|figures| figures.round_trip);
        });
        if seen.media && !self.media_arrived {
            self.media_arrived = true;
            self.handle(Input::Arrived);
        }
        if let Some(silent_for) = self.watchdog.observe(now, seen.acknowledged, seen.pending) {
            return Err(self.standstill(seen.figures, silent_for));
        }
        let up_to = self.watchdog.waiting_since().unwrap_or(now);
        Ok(self.media_arrived.then_some(up_to))
    }

    /// What the last look showed of the way's capacity.
    pub(super) fn sample(&self, now: MediaTime) -> Option<LinkSample> {
        let Seen {
            acknowledged,
            early,
            figures,
            ..
        } = self.seen?;
        let ours = self.outgoing.remaining() as u64;
        Some(LinkSample {
            now,
            queue: self.shared.inbox.duration(),
            unsent: ours + figures.map_or(0, |figures| figures.unsent),
            in_flight: figures.map_or(0, |figures| figures.in_flight),
            arrived: acknowledged + early,
            produced: self.shared.inbox.produced(),
            round_trip: figures.map(|figures| figures.round_trip),
        })
    }

    /// Why nothing was acknowledged for so long.
    fn standstill(&self, figures: Option<TcpFigures>, silent_for: Duration) -> Failure {
        let reads_nothing = figures.is_some_and(|figures| {
            let waiting = Waiting {
                in_flight: figures.in_flight,
                unsent: figures.unsent,
                unanswered: figures.unanswered,
            };
            waiting.is_for_the_reader()
        });
        if reads_nothing {
            Failure::not_reading(&self.peer, silent_for)
        } else {
            Failure::stalled(&self.peer, silent_for)
        }
    }

    /// Adds to the statistics what arrived since the last time.
    pub(super) fn count_arrived(&mut self) -> Seen {
        let waiting = !self.is_idle();
        let seen = self.arrived.look(&self.socket, self.written, waiting);
        let news = seen.acknowledged.saturating_sub(self.told_acknowledged);
        self.told_acknowledged += news;
        self.shared.update_stats(|stats| stats.acknowledged += news);
        seen
    }

    /// Whether the server closed the connection, rather than saying that it is the end.
    pub(super) fn closed_by_server(&self) -> bool {
        self.closed_by_server
    }

    /// Ends the stream behind what is being sent. Unless it [`has_ended`](Self::has_ended) already,
    /// [`Event::Closed`] or [`Event::Failed`] follows.
    pub(super) fn say_goodbye(&mut self) {
        if !self.has_ended() {
            self.stage = Stage::Leaving;
            self.handle(Input::Close);
        }
    }

    /// Nothing more is to be had from this connection: dropped, it is reset.
    pub(super) fn break_off(&mut self) {
        self.stage = Stage::Over { broken_off: true };
    }

    /// Gives the connection up on a way that is dead. What it gives back holds the kernel's end of it open; dropped,
    /// that is reset.
    ///
    /// A reset that is sent now would be lost on the way, and the server hold the stream for minutes. Sent when there
    /// is a way again, it has the server let go: where bytes before it were lost the server's system asks back, and
    /// is told that there is no such connection (RFC 5961, section 3).
    pub(super) fn leave_dead(mut self) -> Option<Socket> {
        self.break_off();
        let remains = self.socket.try_clone().ok()?;
        remains.set_linger(Some(Duration::ZERO)).ok()?;
        // Else the kernel would forget the connection first.
        tcp_info::limit_unacknowledged(&remains, Duration::ZERO).ok()?;
        Some(remains)
    }

    /// Whether there is nothing more to be waited for.
    pub(super) fn has_ended(&self) -> bool {
        matches!(self.stage, Stage::Over { .. })
    }

    /// Sends what is left, then closes our side.
    pub(super) async fn close(&mut self) -> io::Result<()> {
        self.writer.write_all_buf(&mut self.outgoing).await?;
        self.writer.shutdown().await
    }

    /// Why it is over although the session does not know of it.
    fn end_without_session(&mut self) -> Option<Failure> {
        if self.outgoing.remaining() > MOST_OUT_BYTES {
            let problem = "it asks much and reads nothing";
            return Some(Failure::protocol(&self.peer, problem));
        }
        self.broken.take()
    }

    fn note_media(&mut self) {
        if self.session.has_begun() {
            let end = self.written + self.outgoing.remaining() as u64;
            self.arrived.on_media(end);
        }
    }

    fn on_accepted(&mut self) {
        self.stage = Stage::Accepted;
        self.arrived.on_accepted(&self.socket, self.written);
        self.watchdog = Watchdog::new(self.written);
    }

    fn on_read(&mut self, result: io::Result<usize>) {
        match (result, self.unwritable.take()) {
            (Ok(count @ 1..), unwritable) => {
                self.unwritable = unwritable;
                self.heard += count as u64;
                let input = Input::Received(&self.received[..count]);
                self.session.handle_input(self.clock.now(), input);
            }
            (Ok(0), None) => self.peer_closed(),
            (Err(error), None) | (_, Some((error, _))) => self.lost(&error),
        }
    }

    fn on_write(&mut self, result: io::Result<Option<usize>>) {
        match result {
            Ok(Some(count)) => {
                let count = count as u64;
                self.written += count;
                self.unflushed = true;
                self.shared.update_stats(|stats| stats.bytes_sent += count);
            }
            Ok(None) => {
                self.unflushed = false;
                if let Some(captured_at) = self.picture.take() {
                    self.shared.on_picture_written(captured_at);
                }
            }
            // Before it closed, the server may have said why.
            Err(error) => {
                let until = self.clock.now() + LAST_WORDS_TIMEOUT;
                self.unwritable = Some((error, until));
            }
        }
    }

    /// The connection broke; if there is no better explanation yet, this is it.
    fn lost(&mut self, error: &io::Error) {
        use io::ErrorKind as Kind;
        match error.kind() {
            // The many ways of being closed, also TLS's without goodbye.
            Kind::ConnectionReset
            | Kind::ConnectionAborted
            | Kind::BrokenPipe
            | Kind::NotConnected
            | Kind::UnexpectedEof => self.peer_closed(),
            _ => {
                let failure = Failure::connection_lost(&self.peer, &plain(error));
                self.broken.get_or_insert(failure);
            }
        }
    }

    fn peer_closed(&mut self) {
        self.closed_by_server = true;
        self.handle(Input::PeerClosed);
    }

    fn handle(&mut self, input: Input) {
        self.session.handle_input(self.clock.now(), input);
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        let broken_off = Stage::Over { broken_off: true };
        if self.stage == Stage::Accepted || self.stage == broken_off {
            // If it cannot be set the connection is closed the usual way, and nobody can do anything about it.
            let _ = self.socket.set_linger(Some(Duration::ZERO));
        }
    }
}

fn foothold(socket: &Socket, network: &Network) -> Option<Foothold> {
    let local = socket.local_addr().ok()?.as_socket()?;
    Some(network.foothold(local.ip().to_canonical()))
}

/// How often the server shall acknowledge: about each second.
fn ack_window(format: &StreamFormat) -> u32 {
    let video = format.video.as_ref();
    let bytes = video.map_or(0, |video| video.bitrate.bytes_in(Duration::from_secs(1)));
    let bytes = u32::try_from(bytes).unwrap_or(u32::MAX);
    bytes.clamp(SMALLEST_ACK_WINDOW, LARGEST_ACK_WINDOW)
}

/// Keeps what waits in the kernel small, for what waits with us can still be dropped.
fn limit_unsent(socket: &Socket, format: &StreamFormat) {
    let video = format.video.as_ref();
    let bytes_of = |rate: Bitrate| rate.bytes_in(MOST_UNSENT);
    let bytes = bytes_of(format.audio.bitrate) + video.map_or(0, |video| bytes_of(video.bitrate));
    let bytes = u32::try_from(bytes).unwrap_or(u32::MAX);
    // If that cannot be set, more waits there.
    let _ = tcp_info::limit_unsent(socket, bytes.clamp(LEAST_UNSENT_BYTES, MOST_UNSENT_BYTES));
}

/// How long a server that stopped reading is listened to.
const LAST_WORDS_TIMEOUT: Duration = Duration::from_millis(200);
/// How much is read at once.
const READ_BYTES: usize = 16 * 1024;
/// More than the longest message: reached only by answers to a server that asks and does not read.
const MOST_OUT_BYTES: usize = 20 * 1024 * 1024;
/// How often viewers are told of another format: some servers write each into their recordings.
const FORMAT_INTERVAL: Duration = Duration::from_secs(5);
/// How much of the stream may wait in the kernel, and bounds for that in bytes.
const MOST_UNSENT: Duration = Duration::from_millis(100);
const LEAST_UNSENT_BYTES: u32 = 16 * 1024;
const MOST_UNSENT_BYTES: u32 = 128 * 1024;
/// Bounds for [`ack_window`].
const SMALLEST_ACK_WINDOW: u32 = 16 * 1024;
const LARGEST_ACK_WINDOW: u32 = 100_000;
