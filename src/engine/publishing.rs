//! One destination as the director sees it: its publisher, its status, its words.

mod words;

use std::{sync::Arc, time::Duration};

use super::{
    command::{Backup, Destination},
    event::{Cause, Decision, DestinationState, Severity, StreamStatus},
    outputs::{Output, STOP_LIMIT},
};
use crate::{
    control::bitrate::{Advice, Pace, RateLimits},
    media::{clock::Clock, packet::StreamFormat},
    net::publisher::{
        BackupServer, NoteSeverity, Publisher, PublisherConfig, PublisherEvent, PublisherStats,
    },
    rtmp::{
        refusal::{self, Failure},
        url::{Credentials, ServerUrl},
    },
    units::{MediaTime, grouped},
};

use words::{Retold, blame, live_again};
pub use words::{explained, span};

/// A destination that was asked for.
pub struct Publishing {
    name: String,
    /// `None` where its address lets nothing begin.
    publisher: Option<Arc<Publisher>>,
    generation: u64,
    host: String,
    on_backup: bool,
    status: StreamStatus,
    advice: Advice,
    arrival: Arrival,
    /// Since when viewers get nothing, once they got something.
    outage: Option<Outage>,
    was_live: bool,
    /// Whether a server takes the stream, as far as is known.
    is_accepted: bool,
    disconnects: u32,
    /// The server whose welcome was told.
    welcomed_by: Option<String>,
    retold: Retold,
    stopping_since: Option<MediaTime>,
    /// Whose doing it was that the stream moved to another server, and when.
    moved: Option<(Cause, MediaTime)>,
}

/// When the count of what arrived last grew.
#[derive(Clone, Copy, Default)]
struct Arrival {
    acknowledged: u64,
    at: MediaTime,
}

/// Viewers get nothing.
#[derive(Clone, Copy)]
struct Outage {
    since: MediaTime,
    /// What they had missed before.
    frames_dropped: u64,
}

/// What all destinations of a broadcast are given.
#[derive(Clone)]
pub struct Program {
    /// What the stream consists of.
    pub format: StreamFormat,
    /// What the user allows for the picture's bitrate.
    pub limits: RateLimits,
    /// The clock that stamps the packets.
    pub clock: Clock,
}

impl Publishing {
    /// Begins to publish; `on_event` is called from the publisher's thread and must not block.
    ///
    /// # Errors
    /// When an address cannot be right, or the system has no thread left.
    pub fn start(
        destination: &Destination,
        program: &Program,
        generation: u64,
        on_event: impl FnMut(PublisherEvent) + Send + 'static,
    ) -> Result<Self, Failure> {
        let config = config(destination, program)?;
        let host = config.server.host.clone();
        let publisher = Publisher::start(config, on_event)
            .map_err(|error| explained(refusal::Cause::ThisComputer, &error.to_string()))?;
        let mut begun = Self::idle(destination, program, generation);
        begun.name = name_of(destination, &host);
        begun.status = StreamStatus::Connecting { host: host.clone() };
        begun.host = host;
        begun.publisher = Some(Arc::new(publisher));
        Ok(begun)
    }

    /// One that cannot begin, beside others that can.
    #[must_use]
    pub fn refused(destination: &Destination, program: &Program, because: Failure) -> Self {
        let mut refused = Self::idle(destination, program, 0);
        refused.status = StreamStatus::Offline {
            because: Some(because),
        };
        refused
    }

    fn idle(destination: &Destination, program: &Program, generation: u64) -> Self {
        let now = program.clock.now();
        Self {
            name: name_of(destination, "an address that cannot be read"),
            publisher: None,
            generation,
            host: String::new(),
            on_backup: false,
            moved: None,
            status: StreamStatus::default(),
            advice: Advice {
                video: program.limits.ceiling,
                pace: Pace::Full,
            },
            arrival: Arrival {
                acknowledged: 0,
                at: now,
            },
            outage: None,
            was_live: false,
            is_accepted: false,
            disconnects: 0,
            welcomed_by: None,
            retold: Retold::default(),
            stopping_since: None,
        }
    }

    /// What the user calls it, or its server's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Which publisher's reports belong here.
    #[must_use]
    pub fn generation(&self) -> u64 {
        self.generation
    }

    /// Whether its viewers get anything.
    #[must_use]
    pub fn status(&self) -> &StreamStatus {
        &self.status
    }

    /// Whether nothing will come of it any more.
    #[must_use]
    pub fn is_over(&self) -> bool {
        matches!(self.status, StreamStatus::Offline { .. })
    }

    /// Whether media arrives.
    #[must_use]
    pub fn is_live(&self) -> bool {
        matches!(self.status, StreamStatus::Live { .. })
    }

    /// Whether a server takes what is sent, even if nothing is known to have arrived yet.
    #[must_use]
    pub fn is_accepted(&self) -> bool {
        self.is_accepted
    }

    /// What its uplink would like to be sent.
    #[must_use]
    pub fn advice(&self) -> Advice {
        self.advice
    }

    /// Where packets go.
    #[must_use]
    pub fn output(&self) -> Option<Arc<dyn Output>> {
        let publisher = Arc::clone(self.publisher.as_ref()?);
        Some(publisher)
    }

    /// The publisher's figures.
    #[must_use]
    pub fn stats(&self) -> PublisherStats {
        let publisher = self.publisher.as_ref();
        publisher.map_or_else(PublisherStats::default, |it| it.stats())
    }

    /// The state now, as it is told.
    #[must_use]
    pub fn state(&self) -> DestinationState {
        let stats = self.stats();
        DestinationState {
            name: self.name.clone(),
            status: self.status.clone(),
            on_backup: self.on_backup,
            backup_ready: stats.backup_ready,
            sent: stats.sent_rate,
            advised: self.advice.video,
            queue: stats.queue,
            latency: stats.latency,
            stream_latency: stats.stream_latency,
            round_trip: stats.round_trip,
            frames_sent: stats.frames_sent,
            frames_dropped: stats.frames_dropped,
            acknowledged: stats.acknowledged,
            disconnects: self.disconnects,
        }
    }

    /// Looks at what arrived; to be called at regular intervals.
    pub fn look(&mut self, now: MediaTime) {
        let acknowledged = self.stats().acknowledged;
        if acknowledged != self.arrival.acknowledged {
            self.arrival = Arrival {
                acknowledged,
                at: now,
            };
        }
    }

    /// Starts the next attempt now.
    pub fn retry_now(&self) {
        if let Some(publisher) = &self.publisher {
            publisher.retry_now();
        }
    }

    /// The user changed what is allowed for the picture's bitrate.
    pub fn set_limits(&self, limits: RateLimits) {
        if let Some(publisher) = &self.publisher {
            publisher.set_limits(limits);
        }
    }

    /// Tells the stream's new format to viewers.
    pub fn set_format(&self, format: StreamFormat) {
        if let Some(publisher) = &self.publisher {
            publisher.set_format(format);
        }
    }

    /// Asks the publisher to say goodbye.
    pub fn stop(&mut self, now: MediaTime) {
        if let Some(publisher) = &self.publisher
            && self.stopping_since.is_none()
            && !matches!(self.status, StreamStatus::Offline { .. })
        {
            self.stopping_since = Some(now);
            self.status = StreamStatus::Stopping;
            publisher.stop();
        }
    }

    /// When the goodbye must be over; `None` while nobody asked to stop, and once it is.
    #[must_use]
    pub fn deadline(&self) -> Option<MediaTime> {
        if self.is_over() {
            return None;
        }
        Some(self.stopping_since? + STOP_LIMIT)
    }

    /// Ends without a goodbye.
    pub fn abandon(&mut self) {
        self.status = StreamStatus::Offline { because: None };
    }

    /// Follows what the publisher reports; what a person would want to know comes back.
    pub fn apply(&mut self, event: &PublisherEvent, now: MediaTime) -> Option<Decision> {
        let is_end = matches!(event, PublisherEvent::Ended { .. });
        if self.is_over() || (self.stopping_since.is_some() && !is_end) {
            return None;
        }
        let decision = |severity, cause, text| Some(Decision::new(now, severity, cause, text));
        match event {
            PublisherEvent::Connecting { .. } => {
                if !self.was_live && !matches!(self.status, StreamStatus::Reconnecting { .. }) {
                    let host = self.host.clone();
                    self.status = StreamStatus::Connecting { host };
                }
                None
            }
            PublisherEvent::Accepted => {
                self.is_accepted = true;
                if self.welcomed_by.as_ref() == Some(&self.host) {
                    return None; // once more, as after each interruption
                }
                self.welcomed_by = Some(self.host.clone());
                let text = format!("{} accepted the stream", self.host);
                decision(Severity::Info, Cause::Server, text)
            }
            PublisherEvent::Live { since } => Some(self.on_live(*since, now)),
            PublisherEvent::Reconnecting {
                attempt,
                retry_at,
                because,
            } => self.on_reconnecting(*attempt, *retry_at, because, now),
            PublisherEvent::Advice(change) => {
                self.advice = change.advice;
                None // told by whoever follows it
            }
            PublisherEvent::Moved {
                host,
                to_backup,
                reason,
                because,
            } => {
                let because = because.as_ref().map(blame);
                Some(self.on_moved(host, *to_backup, reason, because, now))
            }
            PublisherEvent::KeyFrameWanted => None,
            PublisherEvent::Dropped { frames, reason } => {
                let text = match frames {
                    0 => reason.clone(),
                    frames => format!("{} pictures left out: {reason}", grouped(*frames)),
                };
                let dropped = decision(Severity::Warning, self.to_blame(now), text);
                dropped.map(|it| it.with_figures([("frames", *frames as f64)]))
            }
            PublisherEvent::Note { severity, text } => {
                let severity = match severity {
                    NoteSeverity::Info => Severity::Info,
                    NoteSeverity::Warning => Severity::Warning,
                };
                decision(severity, Cause::Server, text.clone())
            }
            PublisherEvent::Ended { because } => {
                self.status = StreamStatus::Offline {
                    because: because.clone(),
                };
                match because {
                    Some(failure) => decision(Severity::Error, blame(failure), failure.to_string()),
                    None => decision(Severity::Info, Cause::User, "Stopped".into()),
                }
            }
        }
    }

    fn on_live(&mut self, since: MediaTime, now: MediaTime) -> Decision {
        self.status = StreamStatus::Live {
            host: self.host.clone(),
            since,
        };
        self.was_live = true;
        self.is_accepted = true;
        self.retold = Retold::default();
        self.arrival.at = now;
        let Some(outage) = self.outage.take() else {
            let text = "Live: the server confirms that the stream arrives";
            return Decision::new(now, Severity::Good, Cause::Server, text);
        };
        let missed = self.stats().frames_dropped - outage.frames_dropped;
        live_again(now, now.since(outage.since), missed)
    }

    fn on_reconnecting(
        &mut self,
        attempt: u32,
        retry_at: MediaTime,
        because: &Failure,
        now: MediaTime,
    ) -> Option<Decision> {
        if self.was_live && self.outage.is_none() {
            self.disconnects += 1;
            self.outage = Some(Outage {
                since: self.arrival.at,
                frames_dropped: self.stats().frames_dropped,
            });
        }
        self.is_accepted = false;
        self.status = StreamStatus::Reconnecting {
            host: self.host.clone(),
            attempt,
            retry_at,
            because: because.clone(),
        };
        let down_for = self.outage.map(|outage| now.since(outage.since));
        self.retold.tell(attempt, retry_at, because, down_for, now)
    }

    fn on_moved(
        &mut self,
        host: &str,
        to_backup: bool,
        reason: &str,
        because: Option<Cause>,
        now: MediaTime,
    ) -> Decision {
        let (severity, text) = match (to_backup, self.on_backup) {
            (true, _) => (
                Severity::Warning,
                format!("The stream goes on at the backup server {host} now. {reason}"),
            ),
            (false, true) => (
                Severity::Good,
                format!("The stream is back at its first server {host}. {reason}"),
            ),
            (false, false) => (
                Severity::Info,
                format!("The stream goes on at {host} now. {reason}"),
            ),
        };
        let cause = because.unwrap_or(Cause::Server);
        self.moved = because.map(|cause| (cause, now));
        host.clone_into(&mut self.host);
        self.on_backup = to_backup;
        match &mut self.status {
            StreamStatus::Connecting { host }
            | StreamStatus::Live { host, .. }
            | StreamStatus::Reconnecting { host, .. } => self.host.clone_into(host),
            StreamStatus::Offline { .. } | StreamStatus::Stopping => {}
        }
        Decision::new(now, severity, cause, text)
    }

    /// Why viewers miss something now.
    fn to_blame(&self, now: MediaTime) -> Cause {
        match (&self.status, self.moved) {
            (StreamStatus::Reconnecting { because, .. }, _) => blame(because),
            (_, Some((cause, at))) if now.since(at) < TOLD_WITHIN => cause,
            _ => Cause::Uplink,
        }
    }
}

fn config(destination: &Destination, program: &Program) -> Result<PublisherConfig, Failure> {
    let backup = destination.backup.as_ref().map(backup_of).transpose()?;
    Ok(PublisherConfig {
        server: server_of(&destination.server, destination.credentials.as_ref())
            .map_err(|error| explained(refusal::Cause::Address, &error))?,
        key: destination.key.clone(),
        format: program.format.clone(),
        give_up_after: destination.give_up_after,
        clock: program.clock,
        route: destination.route.clone(),
        limits: program.limits,
        backup,
        options: destination.options.clone(),
    })
}

fn backup_of(backup: &Backup) -> Result<BackupServer, Failure> {
    let server = server_of(&backup.server, backup.credentials.as_ref())
        .map_err(|error| explained(refusal::Cause::Address, &format!("the backup: {error}")))?;
    Ok(BackupServer {
        server,
        key: backup.key.clone(),
        warm: backup.warm,
        return_to_primary: backup.return_to_primary,
    })
}

/// The address, with the user and password that count.
fn server_of(address: &str, credentials: Option<&Credentials>) -> Result<ServerUrl, String> {
    let mut server = ServerUrl::parse(address).map_err(|error| error.to_string())?;
    if credentials.is_some() {
        server.credentials = credentials.cloned();
    }
    Ok(server)
}

fn name_of(destination: &Destination, host: &str) -> String {
    let given = destination.name.trim();
    if given.is_empty() { host } else { given }.to_owned()
}

/// What was lost with a connection is told within this time.
const TOLD_WITHIN: Duration = Duration::from_secs(2);

#[cfg(test)]
mod tests;
