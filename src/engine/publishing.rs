//! One destination as the director sees it: its publisher, its status, its words.

use std::{sync::Arc, time::Duration};

use super::{
    command::Destination,
    event::{Cause, Severity, StreamStatus},
    outputs::{Output, STOP_LIMIT},
};
use crate::{
    control::bitrate::RateLimits,
    media::{clock::Clock, packet::StreamFormat},
    net::publisher::{NoteSeverity, Publisher, PublisherConfig, PublisherEvent, PublisherStats},
    rtmp::{
        refusal::{self, Failure},
        url::ServerUrl,
    },
    units::{Bitrate, MediaTime, grouped},
};

/// A destination that was asked for, until it is over.
pub struct Publishing {
    publisher: Arc<Publisher>,
    generation: u64,
    host: String,
    since: MediaTime,
    status: StreamStatus,
    told: Option<StreamStatus>,
    was_live: bool,
    stopping_since: Option<MediaTime>,
}

impl Publishing {
    /// Begins to publish; `on_event` is called from the publisher's thread and must not block.
    ///
    /// # Errors
    /// When the address cannot be right, or the system has no thread left.
    pub fn start(
        destination: &Destination,
        format: StreamFormat,
        clock: Clock,
        generation: u64,
        on_event: impl FnMut(PublisherEvent) + Send + 'static,
    ) -> Result<Self, Failure> {
        let server = server_of(destination)?;
        let host = server.host.clone();
        let ceiling = format.video.map_or(Bitrate::ZERO, |video| video.bitrate);
        let config = PublisherConfig {
            server,
            key: destination.key.clone(),
            format,
            give_up_after: destination.give_up_after,
            clock,
            route: destination.route.clone(),
            limits: RateLimits::fixed(ceiling),
            backup: None,
            options: destination.options.clone(),
        };
        let publisher = Publisher::start(config, on_event)
            .map_err(|error| Self::local_failure(&error.to_string()))?;
        Ok(Self {
            publisher: Arc::new(publisher),
            generation,
            status: StreamStatus::Connecting { host: host.clone() },
            host,
            since: clock.now(),
            told: None,
            was_live: false,
            stopping_since: None,
        })
    }

    /// A failure of this computer, not of the way to the server.
    #[must_use]
    pub fn local_failure(message: &str) -> Failure {
        explained(refusal::Cause::ThisComputer, message)
    }

    /// Which publisher's reports belong here.
    #[must_use]
    pub fn generation(&self) -> u64 {
        self.generation
    }

    /// When publishing was asked for.
    #[must_use]
    pub fn since(&self) -> MediaTime {
        self.since
    }

    /// Where packets go.
    #[must_use]
    pub fn output(&self) -> Arc<dyn Output> {
        Arc::clone(&self.publisher) as Arc<dyn Output>
    }

    /// The publisher's figures.
    #[must_use]
    pub fn stats(&self) -> PublisherStats {
        self.publisher.stats()
    }

    /// Starts the next attempt now.
    pub fn retry_now(&self) {
        self.publisher.retry_now();
    }

    /// Asks the publisher to say goodbye.
    pub fn stop(&mut self, now: MediaTime) {
        if self.stopping_since.is_none() {
            self.stopping_since = Some(now);
            self.status = StreamStatus::Stopping;
            self.publisher.stop();
        }
    }

    /// When the goodbye must be over; `None` while nobody asked to stop.
    #[must_use]
    pub fn deadline(&self) -> Option<MediaTime> {
        Some(self.stopping_since? + STOP_LIMIT)
    }

    /// Ends without a goodbye.
    pub fn abandon(&mut self) {
        self.status = StreamStatus::Offline { because: None };
    }

    /// The status, if it was not told yet.
    pub fn new_status(&mut self) -> Option<StreamStatus> {
        if self.told.as_ref() == Some(&self.status) {
            return None;
        }
        self.told = Some(self.status.clone());
        self.told.clone()
    }

    /// Follows what the publisher reports; what a person would want to know comes back as words.
    pub fn apply(
        &mut self,
        event: &PublisherEvent,
        now: MediaTime,
    ) -> Option<(Severity, Cause, String)> {
        let host = self.host.clone();
        if self.stopping_since.is_some() && !matches!(event, PublisherEvent::Ended { .. }) {
            return None;
        }
        match event {
            PublisherEvent::Connecting { .. } => {
                if !matches!(self.status, StreamStatus::Reconnecting { .. }) {
                    self.status = StreamStatus::Connecting { host };
                }
                None
            }
            PublisherEvent::Accepted => Some((
                Severity::Info,
                Cause::Server,
                format!("{host} accepted the stream"),
            )),
            PublisherEvent::Live { since } => {
                self.status = StreamStatus::Live {
                    host,
                    since: *since,
                };
                let text = if self.was_live {
                    "Live again: the server confirms that the stream arrives"
                } else {
                    "Live: the server confirms that the stream arrives"
                };
                self.was_live = true;
                Some((Severity::Good, Cause::Server, text.into()))
            }
            PublisherEvent::Reconnecting {
                attempt,
                retry_at,
                because,
            } => {
                self.status = StreamStatus::Reconnecting {
                    host,
                    attempt: *attempt,
                    retry_at: *retry_at,
                    because: because.clone(),
                };
                let wait = retry_at.since(now);
                let when = if wait < Duration::from_millis(500) {
                    "Trying again now.".to_owned()
                } else {
                    format!("Trying again in {:.0} s.", wait.as_secs_f32().ceil())
                };
                Some((Severity::Error, Cause::Uplink, format!("{because} {when}")))
            }
            PublisherEvent::Dropped { frames: 0, reason } => {
                Some((Severity::Warning, Cause::Uplink, reason.clone()))
            }
            PublisherEvent::Dropped { frames, reason } => {
                let text = format!("{} pictures left out: {reason}", grouped(*frames));
                Some((Severity::Warning, Cause::Uplink, text))
            }
            PublisherEvent::Note { severity, text } => {
                let severity = match severity {
                    NoteSeverity::Info => Severity::Info,
                    NoteSeverity::Warning => Severity::Warning,
                };
                Some((severity, Cause::Server, text.clone()))
            }
            PublisherEvent::KeyFrameWanted
            | PublisherEvent::Advice(_)
            | PublisherEvent::Moved { .. } => None,
            PublisherEvent::Ended { because } => {
                self.status = StreamStatus::Offline {
                    because: because.clone(),
                };
                Some(match because {
                    Some(failure) => (Severity::Error, Cause::Server, failure.to_string()),
                    None => (Severity::Info, Cause::User, "Stopped".into()),
                })
            }
        }
    }
}

/// The destination's address, with the user and password that count.
fn server_of(destination: &Destination) -> Result<ServerUrl, Failure> {
    let mut server = ServerUrl::parse(&destination.server)
        .map_err(|error| explained(refusal::Cause::Address, &error.to_string()))?;
    if destination.credentials.is_some() {
        server.credentials.clone_from(&destination.credentials);
    }
    Ok(server)
}

/// The failure that a message of the form "what is wrong; what to do" tells of.
fn explained(cause: refusal::Cause, message: &str) -> Failure {
    let (what, remedy) = message
        .split_once("; ")
        .unwrap_or((message, cause.remedy()));
    Failure::of_ours(cause, sentence(what), sentence(remedy))
}

/// With a capital, unless it begins with an address, and a full stop.
fn sentence(text: &str) -> String {
    let text = text.trim_end_matches('.');
    let first_word = text.split(' ').next().unwrap_or_default();
    if first_word.contains("://") {
        return format!("{text}.");
    }
    let mut letters = text.chars();
    let first: String = letters
        .next()
        .into_iter()
        .flat_map(char::to_uppercase)
        .collect();
    format!("{first}{}.", letters.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{engine::command::Credentials, secret::Secret};

    #[test]
    fn user_and_password_of_their_own_go_before_those_in_the_address() {
        let mut destination = Destination::new("rtmp://u:p@a.example/live", Secret::default());
        let login = |destination: &Destination| {
            let login = server_of(destination).unwrap().credentials.unwrap();
            (login.user, login.password.expose().to_owned())
        };
        assert_eq!(login(&destination), ("u".into(), "p".into()));
        destination.credentials = Some(Credentials {
            user: "me".into(),
            password: Secret::new("mine"),
        });
        assert_eq!(login(&destination), ("me".into(), "mine".into()));
    }

    #[test]
    fn a_wrong_address_is_told_as_one() {
        let failure =
            server_of(&Destination::new("srt://a.example", Secret::default())).unwrap_err();
        assert_eq!(failure.cause, refusal::Cause::Address);
    }
}
