//! One attempt to publish: connecting, publishing, and how it ends.

use std::{future::pending, io, time::Duration};

use bytes::BytesMut;
use socket2::Socket;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, ReadHalf, WriteHalf, split},
    sync::watch,
    time::{sleep, timeout},
};

use super::{
    connect::{Connection, Stream, connect, plain},
    publisher::{NoteSeverity, PublisherEvent, Task},
    tcp_info,
};
use crate::{
    control::{rate::RateMeter, watchdog::Watchdog},
    media::packet::{Packet, StreamFormat},
    rtmp::{
        publish::{Event, Input, PublishConfig, PublishSession},
        refusal::Failure,
        session::Output,
        url::Scheme,
    },
    units::MediaTime,
};

/// Runs one attempt. `Ok` when it ended because that was asked for.
pub(super) async fn run(task: &mut Task) -> Result<(), Failure> {
    let secure = task.config.server.scheme == Scheme::Rtmps;
    let connection = tokio::select! {
        connected = connect(&task.peer, secure, &task.config.route) => connected?,
        () = task.stop_signal() => return Ok(()),
        () = until(task, task.reconnect.deadline()) => return Err(out_of_time(task)),
    };
    let Connection { stream, socket, .. } = connection;
    let (reader, writer) = split(stream);
    Attempt::new(task, socket).drive(reader, writer).await
}

/// A connection that stands.
struct Attempt<'a> {
    task: &'a mut Task,
    session: PublishSession,
    socket: Socket,
    /// What the session wants sent, and the socket has not taken yet.
    out: BytesMut,
    /// Bytes the socket has taken.
    written: u64,
    /// Whether TLS may hold bytes back that the socket did not take.
    unflushed: bool,
    arrived: Arrived,
    /// On the connections before this one.
    acknowledged_before: u64,
    watchdog: Watchdog,
    rate: RateMeter,
    live: bool,
    next_look: MediaTime,
    next_drop_report: MediaTime,
    stopping: Option<Stopping>,
    /// How the session ended.
    ended: Option<Result<(), Failure>>,
}

/// How far the server is known to have received, as a position in our bytes.
#[derive(Debug, Default)]
struct Arrived {
    /// The kernel's count when the stream was accepted, and the position that it stood for.
    kernel_base: Option<(u64, u64)>,
    /// What the server itself said last.
    by_server: Option<u64>,
    /// Where the first media message ends.
    media_from: Option<u64>,
}

/// A stop that was asked for.
#[derive(Clone, Copy, Debug)]
struct Stopping {
    /// Up to when what is queued is still sent.
    drain_until: MediaTime,
    /// When it is over in any case.
    deadline: MediaTime,
    said_goodbye: bool,
}

impl<'a> Attempt<'a> {
    fn new(task: &'a mut Task, socket: Socket) -> Self {
        let now = task.config.clock.now();
        let format = task.formats.borrow_and_update().clone();
        let ack_window = match &format.video {
            Some(video) => video.bitrate.bytes_in(Duration::from_secs(1)),
            None => 0,
        };
        let ack_window = u32::try_from(ack_window).unwrap_or(u32::MAX);
        let session = PublishSession::new(
            now,
            PublishConfig {
                server: task.config.server.clone(),
                key: task.config.key.clone(),
                options: task.config.options.clone(),
                login: None,
                format,
                was_live: task.reconnect.was_live(),
                ack_window: ack_window.clamp(SMALLEST_ACK_WINDOW, LARGEST_ACK_WINDOW),
                seed: fastrand::u64(..),
            },
        );
        let acknowledged_before = task.shared.stats().acknowledged;
        Self {
            task,
            session,
            socket,
            out: BytesMut::new(),
            written: 0,
            unflushed: false,
            arrived: Arrived::default(),
            acknowledged_before,
            watchdog: Watchdog::new(0),
            rate: RateMeter::default(),
            live: false,
            next_look: now,
            next_drop_report: now,
            stopping: None,
            ended: None,
        }
    }

    async fn drive(
        mut self,
        mut reader: ReadHalf<Stream>,
        mut writer: WriteHalf<Stream>,
    ) -> Result<(), Failure> {
        let mut received = vec![0; READ_BYTES];
        let stop_signal = self.task.stop_signal();
        tokio::pin!(stop_signal);
        loop {
            let now = self.task.config.clock.now();
            self.look(now)?;
            self.stop_in_order(now);
            let wake_at = self.poll_session(now)?;
            if let Some(end) = self.ended.take() {
                return self.finish(end, writer).await;
            }
            if self
                .stopping
                .is_some_and(|stopping| now >= stopping.deadline)
            {
                return Ok(());
            }
            let idle = self.out.is_empty() && !self.unflushed;
            if idle && self.send_next(now) {
                continue;
            }

            let wake_at = [wake_at, self.stopping.map(|stopping| stopping.deadline)]
                .into_iter()
                .flatten()
                .fold(self.next_look, MediaTime::min);
            let pause = self.task.config.clock.until(wake_at);
            let stopping = self.stopping.is_some();
            let shared = &self.task.shared;
            tokio::select! {
                result = reader.read(&mut received) => match result {
                    Ok(0) => self.handle(Input::PeerClosed),
                    Ok(count) => self.handle(Input::Received(&received[..count])),
                    Err(error) => self.lost(&error),
                },
                result = write_or_flush(&mut writer, &mut self.out), if !idle => match result {
                    Ok(written) => self.note_written(written),
                    Err(error) => {
                        self.last_words(&mut reader, &mut received).await;
                        self.lost(&error);
                    }
                },
                () = shared.inbox.filled(), if idle && !stopping => {}
                format = next_format(&mut self.task.formats) => self.handle(Input::Format(format)),
                () = &mut stop_signal, if !stopping => self.stop(now),
                () = sleep(pause) => {
                    let now = self.task.config.clock.now();
                    self.session.handle_input(now, Input::Tick);
                }
            }
        }
    }

    fn note_written(&mut self, written: Option<usize>) {
        let Some(count) = written else {
            self.unflushed = false;
            return;
        };
        let count = count as u64;
        self.written += count;
        self.unflushed = true;
        self.task
            .shared
            .update_stats(|stats| stats.bytes_sent += count);
    }

    fn handle(&mut self, input: Input) {
        self.session
            .handle_input(self.task.config.clock.now(), input);
    }

    /// Does what the session wants done; returns when it wants to be woken.
    fn poll_session(&mut self, now: MediaTime) -> Result<Option<MediaTime>, Failure> {
        loop {
            match self.session.poll_output() {
                Output::Send(bytes) => self.out.extend_from_slice(&bytes),
                Output::Event(event) => self.take_event(now, event),
                Output::WakeAt(time) => {
                    if self.out.len() > MOST_OUT_BYTES {
                        let problem = "it asks much and reads nothing";
                        return Err(Failure::protocol(&self.task.peer, problem));
                    }
                    if self.arrived.media_from.is_none() && self.session.has_begun() {
                        self.arrived.media_from = Some(self.written + self.out.len() as u64);
                    }
                    return Ok(time);
                }
            }
        }
    }

    fn take_event(&mut self, now: MediaTime, event: Event) {
        match event {
            Event::Accepted => {
                let position = self.written;
                self.arrived.kernel_base =
                    tcp_info::read(&self.socket).map(|figures| (figures.acknowledged, position));
                self.watchdog = Watchdog::new(position);
                self.next_look = now + LOOK_INTERVAL;
                self.task.shared.inbox.open();
                self.task.emit(PublisherEvent::Accepted);
                self.task.emit(PublisherEvent::KeyFrameWanted);
            }
            Event::ServerAcknowledged(total) => self.arrived.by_server = Some(total),
            Event::Note(text) => self.task.emit(PublisherEvent::Note {
                severity: NoteSeverity::Info,
                text,
            }),
            Event::Failed(failure) => self.ended = Some(Err(failure)),
            Event::Closed => self.ended = Some(Ok(())),
            Event::Onward(_) | Event::MoveWanted { .. } => {}
        }
    }

    /// Gives the session the next packet of the queue; says whether there was one. One at a time: what is not
    /// in the socket yet can still be dropped.
    fn send_next(&mut self, now: MediaTime) -> bool {
        if !self.session.is_publishing() {
            return false;
        }
        let Some(packet) = self.task.shared.inbox.take() else {
            return false;
        };
        self.session.handle_input(now, Input::Media(&packet));
        if self.session.has_begun() && matches!(packet, Packet::Video(_)) {
            self.task
                .shared
                .update_stats(|stats| stats.frames_sent += 1);
        }
        true
    }

    /// Looks, ten times a second, at what arrived: whether the stream is live, or the link dead.
    fn look(&mut self, now: MediaTime) -> Result<(), Failure> {
        if now < self.next_look {
            return Ok(());
        }
        self.next_look = now + LOOK_INTERVAL;
        self.look_for_drops(now);

        let figures = tcp_info::read(&self.socket);
        let waiting = !self.out.is_empty() || self.unflushed;
        let (acknowledged, pending) = match (figures, self.arrived.kernel_base) {
            (Some(figures), Some((base, position))) => (
                position + figures.acknowledged.saturating_sub(base),
                waiting || figures.pending,
            ),
            // Where the kernel does not tell, bytes that it takes are a sign of life.
            _ => (self.written, waiting),
        };
        let rate = self.rate.observe(now, self.written);
        let acknowledged_before = self.acknowledged_before;
        self.task.shared.update_stats(|stats| {
            stats.round_trip = figures.map(|figures| figures.round_trip);
            stats.acknowledged = acknowledged_before + acknowledged;
            stats.sent_rate = rate;
        });

        let deadline = self.task.reconnect.deadline(); // none while live
        if deadline.is_some_and(|deadline| now >= deadline) {
            return Err(out_of_time(self.task));
        }
        if !self.session.is_publishing() {
            return Ok(());
        }
        let arrived = match (self.arrived.kernel_base, self.arrived.by_server) {
            // Servers count with or without the handshake.
            (None, Some(by_server)) => by_server + HANDSHAKE_BYTES,
            _ => acknowledged,
        };
        if !self.live && self.arrived.media_from.is_some_and(|from| arrived >= from) {
            self.live = true;
            self.session.handle_input(now, Input::Arrived);
            self.task.reconnect.on_live(now);
            self.task.shared.inbox.set_has_viewers();
            self.task.emit(PublisherEvent::Live { since: now });
        }
        if let Some(silent_for) = self.watchdog.observe(now, acknowledged, pending) {
            self.break_off();
            return Err(Failure::stalled(&self.task.peer, silent_for));
        }
        Ok(())
    }

    fn look_for_drops(&mut self, now: MediaTime) {
        if self.task.shared.inbox.take_key_frame_wanted() {
            self.task.emit(PublisherEvent::KeyFrameWanted);
        }
        if now < self.next_drop_report {
            return;
        }
        if let Some(dropped) = self.task.shared.inbox.take_dropped() {
            self.next_drop_report = now + DROP_REPORT_INTERVAL;
            self.task.emit(PublisherEvent::Dropped {
                frames: dropped.frames,
                reason: dropped.reason,
            });
        }
    }

    fn stop(&mut self, now: MediaTime) {
        self.task.shared.inbox.close();
        self.stopping = Some(Stopping {
            drain_until: now + DRAIN_TIMEOUT,
            deadline: now + STOP_TIMEOUT,
            said_goodbye: false,
        });
        if !self.session.is_publishing() {
            self.ended = Some(Ok(()));
        }
    }

    /// Says goodbye once what was queued is out, at the end of a message.
    fn stop_in_order(&mut self, now: MediaTime) {
        let Some(stopping) = &mut self.stopping else {
            return;
        };
        let drained = self.task.shared.inbox.is_empty() || now >= stopping.drain_until;
        if drained && self.out.is_empty() && !stopping.said_goodbye {
            stopping.said_goodbye = true;
            self.task.shared.inbox.discard();
            self.session.handle_input(now, Input::Close);
        }
    }

    /// The session is over: closes the connection, well or not.
    async fn finish(
        mut self,
        end: Result<(), Failure>,
        mut writer: WriteHalf<Stream>,
    ) -> Result<(), Failure> {
        let Some(stopping) = self.stopping else {
            return end;
        };
        if stopping.said_goodbye {
            let close = async {
                writer.write_all_buf(&mut self.out).await?;
                writer.shutdown().await
            };
            // Whoever does not take our goodbye in time does without.
            let time_left = self.task.config.clock.until(stopping.deadline);
            let _ = timeout(time_left, close).await;
        }
        Ok(())
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
            | Kind::UnexpectedEof => self.handle(Input::PeerClosed),
            _ => {
                let failure = Failure::connection_lost(&self.task.peer, &plain(error));
                self.ended.get_or_insert(Err(failure));
            }
        }
    }

    /// Before it closed, the server may have said why: reads what is still there.
    async fn last_words(&mut self, reader: &mut ReadHalf<Stream>, buffer: &mut [u8]) {
        let read_all = async {
            while let Ok(count @ 1..) = reader.read(buffer).await {
                self.session.handle_input(
                    self.task.config.clock.now(),
                    Input::Received(&buffer[..count]),
                );
            }
        };
        // A server that neither speaks nor closes keeps nobody waiting.
        let _ = timeout(LAST_WORDS_TIMEOUT, read_all).await;
    }

    /// Makes closing tell the server that the stream broke off, instead of ending it well: services keep
    /// viewers waiting for a stream that broke off.
    fn break_off(&self) {
        // If it cannot be set the connection is closed the usual way, and nobody can do anything about it.
        let _ = self.socket.set_linger(Some(Duration::ZERO));
    }
}

/// Writes what the socket takes, or flushes when there is nothing to write. `None` means flushed.
///
/// One step each, so that nothing is lost when it is given up for something else.
async fn write_or_flush(
    writer: &mut WriteHalf<Stream>,
    out: &mut BytesMut,
) -> io::Result<Option<usize>> {
    if out.is_empty() {
        writer.flush().await?;
        return Ok(None);
    }
    match writer.write_buf(out).await? {
        0 => Err(io::ErrorKind::BrokenPipe.into()),
        count => Ok(Some(count)),
    }
}

/// Waits for a new format, for ever if the handle is gone: then the stop signal tells.
async fn next_format(formats: &mut watch::Receiver<StreamFormat>) -> StreamFormat {
    if formats.changed().await.is_err() {
        pending::<()>().await;
    }
    formats.borrow_and_update().clone()
}

/// Waits until `deadline`, for ever if there is none.
async fn until(task: &Task, deadline: Option<MediaTime>) {
    match deadline {
        Some(deadline) => sleep(task.config.clock.until(deadline)).await,
        None => pending().await,
    }
}

/// The time to give up came during an attempt: what went wrong in those before says more than this one.
fn out_of_time(task: &Task) -> Failure {
    let waited = task.config.give_up_after.unwrap_or_default();
    let first = || Failure::connect_timed_out(&task.peer, waited);
    task.last_failure.clone().unwrap_or_else(first)
}

/// How often is looked at what arrived.
const LOOK_INTERVAL: Duration = Duration::from_millis(100);
/// How often is told what was dropped.
const DROP_REPORT_INTERVAL: Duration = Duration::from_secs(1);
/// How long a stop still sends what is queued.
const DRAIN_TIMEOUT: Duration = Duration::from_millis(300);
/// How long a stop takes at most.
const STOP_TIMEOUT: Duration = Duration::from_millis(800);
/// How long a server that stopped reading is listened to.
const LAST_WORDS_TIMEOUT: Duration = Duration::from_millis(200);
/// How much is read at once.
const READ_BYTES: usize = 16 * 1024;
/// More than the longest message: reached only by answers to a server that asks and does not read.
const MOST_OUT_BYTES: usize = 20 * 1024 * 1024;
/// Bounds for how often the server shall acknowledge: about each second.
const SMALLEST_ACK_WINDOW: u32 = 16 * 1024;
const LARGEST_ACK_WINDOW: u32 = 100_000;
/// What the handshake adds to the count of those servers that count it.
const HANDSHAKE_BYTES: u64 = 3073;
