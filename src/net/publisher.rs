//! Publishes one stream to one server, and keeps at it: a thread of its own with connection, queue and retry.
//!
//! | file | what it is about |
//! |---|---|
//! | `task` | the thread: connecting and carrying the stream in turn |
//! | `course` | what is remembered from connection to connection, and told between them |
//! | `connecting` | attempts that overlap, until one is accepted |
//! | `attempt` | a stream that was accepted, until it breaks off |
//! | `approach` | from an address to a server that accepted the stream: redirects, logins |
//! | `standby` | the connection kept ready at the other server |
//! | `ground` | whether this computer's own network still carries a connection |
//! | `handover` | moving the live stream from one connection to the next |
//! | `advisor` | how much the connection carries |
//! | `farewell` | leaving a connection in order |
//! | `link` | one connection and the session over it |
//! | `arrived` | how far the server is known to have received |
//! | `outgoing` | what waits to be written |

mod advisor;
mod approach;
mod arrived;
mod attempt;
mod connecting;
mod course;
mod farewell;
mod ground;
mod handover;
mod link;
mod outgoing;
mod standby;
mod task;

use std::{
    io,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    thread,
    time::Duration,
};

use task::Context;
use tokio::{
    runtime,
    sync::{Notify, watch},
};

use super::{inbox::Inbox, network::Network, route::Route};
use crate::{
    control::{
        bitrate::{Change, RateLimits},
        failover::WELL_FOR,
    },
    media::{
        clock::Clock,
        latency::{Latency, LatencyMeter},
        packet::{Packet, StreamFormat},
    },
    rtmp::{options::SessionOptions, refusal::Failure, url::ServerUrl},
    secret::Secret,
    units::{Bitrate, MediaTime},
};

/// A running publisher. Dropping it stops it.
///
/// After [`Publisher::start`] it tells [`PublisherEvent`]s from its own thread, the last of which is
/// [`PublisherEvent::Ended`].
#[derive(Debug)]
pub struct Publisher {
    shared: Arc<Shared>,
    stop: watch::Sender<bool>,
    format: watch::Sender<StreamFormat>,
    limits: watch::Sender<RateLimits>,
    nudge: Arc<Notify>,
}

/// What is published whereto.
#[derive(Clone, Debug)]
pub struct PublisherConfig {
    /// The server and its application.
    pub server: ServerUrl,
    /// The stream key.
    pub key: Secret,
    /// What the stream consists of at first.
    pub format: StreamFormat,
    /// Give up when not live for so long; `None` tries without end.
    pub give_up_after: Option<Duration>,
    /// The clock that stamps the packets.
    pub clock: Clock,
    /// Which way to take to the server.
    pub route: Route,
    /// How the server wants to be spoken to.
    pub options: SessionOptions,
    /// What the user allows for the picture's bitrate.
    pub limits: RateLimits,
    /// Where to go when the server fails.
    pub backup: Option<BackupServer>,
}

/// A second server for the same stream.
#[derive(Clone, Debug)]
pub struct BackupServer {
    /// The server and its application.
    pub server: ServerUrl,
    /// Its stream key.
    pub key: Secret,
    /// Whether a connection is kept ready there.
    pub warm: bool,
    /// Whether to go back once the first server has been well for a while.
    pub return_to_primary: bool,
}

/// What a publisher tells.
#[derive(Clone, Debug, PartialEq)]
pub enum PublisherEvent {
    /// An attempt to connect begins.
    Connecting {
        /// Which one since the stream last was healthy, from 1.
        attempt: u32,
    },
    /// The server accepted the stream. That is not yet live.
    Accepted,
    /// Media is being acknowledged. Told once per attempt, however often the stream moves to another server,
    /// unless nothing arrived on the way for too long.
    Live {
        /// Since now.
        since: MediaTime,
    },
    /// It is not live (any more), and is tried again; or goes on already over another connection.
    Reconnecting {
        /// Which attempt comes next.
        attempt: u32,
        /// When.
        retry_at: MediaTime,
        /// Why.
        because: Failure,
    },
    /// What this way would like to be sent changed.
    Advice(Change),
    /// The stream goes on at another server.
    Moved {
        /// That server's name.
        host: String,
        /// Whether it is the backup.
        to_backup: bool,
        /// Why, in one sentence.
        reason: String,
        /// The failure that led to it, if one did.
        because: Option<Failure>,
    },
    /// The picture can go on only with a key frame: encode one.
    KeyFrameWanted,
    /// Viewers miss something. Told at most once a second, with all that is missing since the last time.
    Dropped {
        /// So many pictures; 0 where only sound is missing.
        frames: u64,
        /// Why, in one sentence without the number.
        reason: String,
    },
    /// Something a person may want to know.
    Note {
        /// How it is to be taken.
        severity: NoteSeverity,
        /// One sentence.
        text: String,
    },
    /// It is over.
    Ended {
        /// Why, if it was not asked for. One that [`Failure::may_mend`] means that the time to give up came.
        because: Option<Failure>,
    },
}

/// How a note is to be taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoteSeverity {
    /// For information.
    Info,
    /// Viewers may notice.
    Warning,
}

/// Figures of a publisher, counted from its start over all connections.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct PublisherStats {
    /// Bytes handed to the network.
    pub bytes_sent: u64,
    /// Pictures handed to the network.
    pub frames_sent: u64,
    /// Pictures that viewers miss.
    pub frames_dropped: u64,
    /// Media waiting to be sent, by its duration.
    pub queue: Duration,
    /// From when pictures were taken to when their last byte was written to the connection, in the last seconds.
    /// What was dropped, or lost with a connection, was not written.
    pub latency: Option<Latency>,
    /// The same since its start.
    pub stream_latency: Option<Latency>,
    /// Round trip to the server, where the system tells.
    pub round_trip: Option<Duration>,
    /// Bytes of which it is known that they arrived.
    pub acknowledged: u64,
    /// What went out over the last second or so.
    pub sent_rate: Bitrate,
    /// What arrived over the last second or so.
    pub delivered_rate: Bitrate,
    /// Whether a connection to the backup server is ready; `None` where none is kept.
    pub backup_ready: Option<bool>,
}

/// What is around a publisher.
#[derive(Clone, Debug)]
struct World {
    network: Network,
    /// For how long the first server must have been well before the stream returns there.
    well_for: Duration,
}

/// What the handle and the thread both use.
#[derive(Debug)]
struct Shared {
    clock: Clock,
    inbox: Inbox,
    latency: Mutex<LatencyMeter>,
    stats: Mutex<PublisherStats>,
}

impl Publisher {
    /// Starts publishing; `on_event` is called from the publisher's thread and must not block.
    ///
    /// # Errors
    /// When the system gives no thread or no event queue.
    pub fn start(
        config: PublisherConfig,
        on_event: impl FnMut(PublisherEvent) + Send + 'static,
    ) -> io::Result<Self> {
        Self::start_in(World::here(), config, on_event)
    }

    /// The same in a world that a test may make.
    fn start_in(
        world: World,
        config: PublisherConfig,
        on_event: impl FnMut(PublisherEvent) + Send + 'static,
    ) -> io::Result<Self> {
        let runtime = runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let handle = Self {
            shared: Arc::new(Shared {
                clock: config.clock,
                inbox: Inbox::new(),
                latency: Mutex::default(),
                stats: Mutex::default(),
            }),
            stop: watch::Sender::new(false),
            format: watch::Sender::new(config.format.clone()),
            limits: watch::Sender::new(config.limits),
            nudge: Arc::new(Notify::new()),
        };
        let context = Context::new(config, world, &handle, on_event);
        thread::Builder::new()
            .name("publisher".to_owned())
            .spawn(move || task::run(runtime, &context))?;
        Ok(handle)
    }

    /// Hands over a packet. Never blocks: what does not fit is dropped, and told.
    pub fn send(&self, packet: Packet) {
        self.shared.inbox.put(packet);
    }

    /// The figures now.
    #[must_use]
    pub fn stats(&self) -> PublisherStats {
        let Shared { clock, inbox, .. } = &*self.shared;
        let latency = self.shared.latency();
        PublisherStats {
            queue: inbox.duration(),
            frames_dropped: inbox.frames_dropped(),
            latency: latency.recent(clock.now()),
            stream_latency: latency.whole(),
            ..self.shared.stats()
        }
    }

    /// Asks it to end; [`PublisherEvent::Ended`] comes within a second, whatever it is doing.
    pub fn stop(&self) {
        self.stop.send_replace(true);
    }

    /// Starts the next attempt now, if it is not live: somebody asks for it, or the network changed.
    pub fn retry_now(&self) {
        self.nudge.notify_one();
    }

    /// The user changed what is allowed for the picture's bitrate.
    pub fn set_limits(&self, limits: RateLimits) {
        self.limits.send_replace(limits);
    }

    /// Tells the stream's new format to viewers.
    pub fn set_format(&self, format: StreamFormat) {
        self.format.send_replace(format);
    }
}

impl World {
    fn here() -> Self {
        Self {
            network: Network::of_this_computer(),
            well_for: WELL_FOR,
        }
    }
}

impl Drop for Publisher {
    fn drop(&mut self) {
        self.stop();
    }
}

impl Shared {
    fn stats(&self) -> PublisherStats {
        *self.stats.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn update_stats(&self, change: impl FnOnce(&mut PublisherStats)) {
        change(&mut self.stats.lock().unwrap_or_else(PoisonError::into_inner));
    }

    fn latency(&self) -> MutexGuard<'_, LatencyMeter> {
        self.latency.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The last byte of a picture that was taken at `captured_at` was just written.
    fn on_picture_written(&self, captured_at: MediaTime) {
        let now = self.clock.now();
        self.latency().record(now, now.since(captured_at));
    }
}

#[cfg(test)]
mod tests;
