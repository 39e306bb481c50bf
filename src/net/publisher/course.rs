//! What a publisher remembers from connection to connection, and what it tells of the attempts between them.

use std::time::Duration;

use socket2::Socket;

use super::{BackupServer, PublisherEvent, advisor::Advisor, task::Context};
use crate::{
    control::{
        attempts::{After, AttemptId, Attempts},
        failover::{Failover, Place, Plan},
        moves::Moves,
        reconnect::{LONGEST_WAIT_FOR_NAME, Trouble},
    },
    rtmp::refusal::{Failure, FailureKind, Peer},
    units::MediaTime,
};

/// What went before.
pub(super) struct Course {
    pub(super) attempts: Attempts,
    pub(super) moves: Moves,
    pub(super) failover: Failover,
    /// Where the stream was accepted last; the primary before that.
    pub(super) place: Place,
    pub(super) advisor: Advisor,
    /// What is left, at each place, of a connection that broke off on a dead way. Its server does not know; dropped
    /// once there is a way to it again, it is reset, and the server lets go of the stream.
    pub(super) remains: [Option<Socket>; 2],
    /// Why it is not live, as far as is known.
    because: Option<Failure>,
    /// What was told last of the next attempt.
    told: Option<(u32, MediaTime, Failure)>,
}

/// Why a stream did not go on.
pub(super) struct Setback {
    pub(super) failure: Failure,
    /// Whether most likely the server still holds a connection of ours that is lost.
    pub(super) name_held: bool,
}

impl From<Failure> for Setback {
    fn from(failure: Failure) -> Self {
        Self {
            name_held: failure.kind == FailureKind::NameInUse,
            failure,
        }
    }
}

/// How publishing ends.
pub(super) enum End {
    /// That was asked for.
    Asked,
    Failed(Failure),
}

impl Course {
    pub(super) fn new(context: &Context) -> Self {
        let config = &context.config;
        Self {
            attempts: Attempts::new(config.clock.now(), config.give_up_after),
            moves: Moves::default(),
            failover: Failover::new(
                config.clock.now(),
                config
                    .backup
                    .as_ref()
                    .map(|backup| plan(backup, context.well_for)),
            ),
            place: Place::Primary,
            advisor: Advisor::new(context),
            remains: [None, None],
            because: None,
            told: None,
        }
    }

    /// An attempt at `place` failed.
    ///
    /// # Errors
    /// When there is no hope.
    pub(super) fn on_failed(
        &mut self,
        context: &Context,
        (id, place): (AttemptId, Place),
        setback: Setback,
    ) -> Result<(), End> {
        let now = context.config.clock.now();
        let trouble = self.trouble(now, place, &setback);
        let after = (self.attempts).on_failed(id, now, trouble, fastrand::f64());
        self.follow(context, place, after, setback)
    }

    /// A stream that was accepted is lost.
    ///
    /// # Errors
    /// When there is no hope.
    pub(super) fn on_lost(&mut self, context: &Context, setback: Setback) -> Result<(), End> {
        let now = context.config.clock.now();
        let trouble = self.trouble(now, self.place, &setback);
        let after = self.attempts.on_lost(now, trouble, fastrand::f64());
        self.follow(context, self.place, after, setback)
    }

    /// The stream goes on at `place`, where it was not before. Says so, and why.
    pub(super) fn moved(
        &mut self,
        context: &Context,
        place: Place,
        reason: &str,
        because: Option<&Failure>,
    ) {
        if place != self.place {
            self.place = place;
            context.tell(PublisherEvent::Moved {
                host: context.server_at(place).0.host.clone(),
                to_backup: place == Place::Backup,
                reason: reason.to_owned(),
                because: because.cloned(),
            });
        }
    }

    /// There is a way to the server at `place`: what broke off on it can be told so.
    pub(super) fn reached(&mut self, place: Place) {
        self.remains[place as usize] = None;
    }

    /// Why it is not live, as far as is known.
    pub(super) fn because(&self) -> Option<&Failure> {
        self.because.as_ref()
    }

    /// What kind of trouble it is. What one server says for good is none to wait out while the other is left.
    fn trouble(&mut self, now: MediaTime, place: Place, setback: &Setback) -> Trouble {
        self.failover.on_failure(now);
        match trouble(setback) {
            Trouble::Hopeless if self.failover.on_hopeless(place) => Trouble::Link,
            Trouble::NameInUse if self.failover.has_other_than(place) => Trouble::Link,
            trouble => trouble,
        }
    }

    /// Tells why it is not live and when it is tried next, unless that is known.
    pub(super) fn tell_next(&mut self, context: &Context) {
        let Some(because) = self.because.clone() else {
            return;
        };
        let (retry_at, attempt) = self.attempts.next();
        let now_told = Some((attempt, retry_at, because.clone()));
        if self.told != now_told {
            self.told = now_told;
            context.tell(PublisherEvent::Reconnecting {
                attempt,
                retry_at,
                because,
            });
        }
    }

    /// The time to give up came: what went wrong before says more than that.
    pub(super) fn out_of_time(&self, context: &Context) -> Failure {
        let waited = context.config.give_up_after.unwrap_or_default();
        (self.because.clone()).unwrap_or_else(|| Failure::connect_timed_out(&context.peer, waited))
    }

    fn follow(
        &mut self,
        context: &Context,
        place: Place,
        after: After,
        setback: Setback,
    ) -> Result<(), End> {
        let Setback { failure, name_held } = setback;
        let peer = &Peer::of(context.server_at(place).0);
        match after {
            After::Stop if name_held => {
                let words = failure.server_words;
                let failure = Failure::held_too_long(peer, LONGEST_WAIT_FOR_NAME, words);
                return Err(End::Failed(failure));
            }
            After::Stop => return Err(End::Failed(failure)),
            After::Retry { news: false, .. } => tracing::debug!(%failure, "an old attempt failed"),
            After::Retry { .. } if name_held && self.failover.was_live_at(place) => {
                self.because = Some(failure.still_held(peer));
            }
            After::Retry { .. } => self.because = Some(failure),
        }
        self.tell_next(context);
        Ok(())
    }
}

fn plan(backup: &BackupServer, well_for: Duration) -> Plan {
    Plan {
        well_for,
        warm: backup.warm,
        return_to_primary: backup.return_to_primary,
    }
}

fn trouble(setback: &Setback) -> Trouble {
    if setback.name_held {
        Trouble::NameInUse
    } else if setback.failure.may_mend() {
        Trouble::Link
    } else {
        Trouble::Hopeless
    }
}
