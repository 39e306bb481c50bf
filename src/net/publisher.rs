//! Publishes one stream to one server, and keeps at it: a thread of its own with connection, queue and retry.

use std::{
    io,
    sync::{Arc, Mutex, PoisonError},
    thread,
    time::Duration,
};

use tokio::{runtime, sync::watch, time::sleep};

use super::{attempt, inbox::Inbox, route::Route};
use crate::{
    control::reconnect::{Next, Reconnect, Trouble},
    media::{
        clock::Clock,
        packet::{Packet, StreamFormat},
    },
    rtmp::{
        options::SessionOptions,
        refusal::{Failure, FailureKind, Peer},
        url::ServerUrl,
    },
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
    /// Media is being acknowledged.
    Live {
        /// Since now.
        since: MediaTime,
    },
    /// It is not live (any more), and is tried again.
    Reconnecting {
        /// Which attempt comes next.
        attempt: u32,
        /// When.
        retry_at: MediaTime,
        /// Why.
        because: Failure,
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
    /// Round trip to the server, where the system tells.
    pub round_trip: Option<Duration>,
    /// Bytes of which it is known that they arrived.
    pub acknowledged: u64,
    /// What went out over the last second or so.
    pub sent_rate: Bitrate,
}

/// What the handle and the thread both use.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) inbox: Inbox,
    pub(super) stats: Mutex<PublisherStats>,
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
        let runtime = runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let shared = Arc::new(Shared {
            inbox: Inbox::new(),
            stats: Mutex::default(),
        });
        let (stop, stopped) = watch::channel(false);
        let (format, formats) = watch::channel(config.format.clone());
        let task = Task {
            peer: Peer::of(&config.server),
            reconnect: Reconnect::new(config.clock.now(), config.give_up_after),
            config,
            shared: Arc::clone(&shared),
            stopped,
            formats,
            last_failure: None,
            on_event: Box::new(on_event),
        };
        thread::Builder::new()
            .name("publisher".to_owned())
            .spawn(move || {
                runtime.block_on(task.run());
                // A lookup of the server's name may still be under way, for longer than anybody waits.
                runtime.shutdown_background();
            })?;
        Ok(Self {
            shared,
            stop,
            format,
        })
    }

    /// Hands over a packet. Never blocks: what does not fit is dropped, and told.
    pub fn send(&self, packet: Packet) {
        self.shared.inbox.put(packet);
    }

    /// The figures now.
    #[must_use]
    pub fn stats(&self) -> PublisherStats {
        PublisherStats {
            queue: self.shared.inbox.duration(),
            frames_dropped: self.shared.inbox.frames_dropped(),
            ..self.shared.stats()
        }
    }

    /// Asks it to end; [`PublisherEvent::Ended`] comes within a second, whatever it is doing.
    pub fn stop(&self) {
        self.stop.send_replace(true);
    }

    /// Tells the stream's new format to viewers.
    pub fn set_format(&self, format: StreamFormat) {
        self.format.send_replace(format);
    }
}

impl Drop for Publisher {
    fn drop(&mut self) {
        self.stop();
    }
}

impl Shared {
    pub(super) fn stats(&self) -> PublisherStats {
        *self.stats.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn update_stats(&self, change: impl FnOnce(&mut PublisherStats)) {
        change(&mut self.stats.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

/// What the thread owns.
pub(super) struct Task {
    pub(super) config: PublisherConfig,
    pub(super) peer: Peer,
    pub(super) shared: Arc<Shared>,
    pub(super) reconnect: Reconnect,
    pub(super) formats: watch::Receiver<StreamFormat>,
    /// Why the last attempt failed.
    pub(super) last_failure: Option<Failure>,
    stopped: watch::Receiver<bool>,
    on_event: Box<dyn FnMut(PublisherEvent) + Send>,
}

impl Task {
    async fn run(mut self) {
        let because = self.publish().await;
        self.shared.inbox.discard();
        self.emit(PublisherEvent::Ended { because });
    }

    /// Attempt after attempt. Returns why it is over, if not because that was asked for.
    async fn publish(&mut self) -> Option<Failure> {
        let mut attempt = 1;
        loop {
            self.emit(PublisherEvent::Connecting { attempt });
            let because = attempt::run(self).await.err()?;
            self.shared.inbox.discard();
            self.shared.update_stats(|stats| {
                stats.sent_rate = Bitrate::ZERO;
                stats.round_trip = None;
            });
            let now = self.config.clock.now();
            let trouble = trouble(&because);
            let Next::Retry { at, attempt: next } =
                self.reconnect.on_failure(now, trouble, fastrand::f64())
            else {
                return Some(because);
            };
            attempt = next;
            self.last_failure = Some(because.clone());
            self.emit(PublisherEvent::Reconnecting {
                attempt,
                retry_at: at,
                because,
            });
            let pause = self.config.clock.until(at);
            tokio::select! {
                () = sleep(pause) => {}
                () = self.stop_signal() => return None,
            }
        }
    }

    /// Resolves once the publisher shall end. A receiver of its own, so that it can be waited for beside
    /// anything else.
    pub(super) fn stop_signal(&self) -> impl Future<Output = ()> + use<> {
        asked_to_stop(self.stopped.clone())
    }

    pub(super) fn emit(&mut self, event: PublisherEvent) {
        (self.on_event)(event);
    }
}

async fn asked_to_stop(mut stopped: watch::Receiver<bool>) {
    // An error means that the handle is gone, which asks for the same.
    let _ = stopped.wait_for(|stopped| *stopped).await;
}

fn trouble(failure: &Failure) -> Trouble {
    if !failure.may_mend() {
        Trouble::Hopeless
    } else if failure.kind == FailureKind::NameInUse {
        Trouble::NameInUse
    } else {
        Trouble::Link
    }
}

#[cfg(test)]
mod tests;
