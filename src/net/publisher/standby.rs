//! The connection that is kept ready at the other of two servers, up to just before it is asked to accept the stream.

use std::{future::pending, mem, time::Duration};

use tokio::time::sleep;

use super::{
    approach::{Goal, approach},
    handover::Approach,
    link::Link,
    task::Context,
};
use crate::{
    control::{
        attempts::Quiet,
        failover::{self, Place, standby_delay},
        watchdog::DEAD_AFTER,
    },
    net::network::Standing,
    rtmp::refusal::Failure,
    units::MediaTime,
};

/// A connection that is made, kept alive, and made again when it breaks.
///
/// Dropped, it is closed; the server never heard of the stream.
pub(super) struct Standby<'a> {
    context: &'a Context,
    goal: Goal,
    stage: Stage<'a>,
    /// Attempts in a row that brought none that lasted.
    failures: u32,
    told_of_trouble: bool,
}

enum Stage<'a> {
    Pausing { until: MediaTime },
    Approaching(Approach<'a>),
    Done(Result<Box<Link>, Failure>),
    Ready(Ready),
}

struct Ready {
    link: Box<Link>,
    since: MediaTime,
    /// When something that was sent over it last is known to have arrived.
    alive_at: MediaTime,
    /// When the last sign of life was sent.
    probed_at: MediaTime,
}

impl<'a> Standby<'a> {
    /// One at `place`, made at once.
    pub(super) fn new(context: &'a Context, place: Place, was_live: bool) -> Self {
        let goal = Goal {
            place,
            was_live,
            hold: true,
        };
        let standby = Self {
            context,
            goal,
            stage: begin(context, goal),
            failures: 0,
            told_of_trouble: false,
        };
        standby.tell_ready(false);
        standby
    }

    pub(super) fn place(&self) -> Place {
        self.goal.place
    }

    /// What is known of it, while it is ready.
    pub(super) fn known(&self) -> Option<failover::Standby> {
        match &self.stage {
            Stage::Ready(ready) => Some(failover::Standby {
                ready_since: ready.since,
                alive_at: ready.alive_at,
            }),
            _ => None,
        }
    }

    /// The connection, if it is ready and this computer's network still carries it. Another one is made in its place
    /// after a while.
    pub(super) fn take(&mut self, now: MediaTime) -> Option<Box<Link>> {
        let pausing = self.pause(now);
        match mem::replace(&mut self.stage, pausing) {
            Stage::Ready(ready) => {
                self.tell_ready(false);
                (ready.link.standing() == Standing::Ready).then_some(ready.link)
            }
            other => {
                self.stage = other;
                None
            }
        }
    }

    /// Asks for a sign of life, unless one is under way.
    pub(super) fn probe(&mut self, now: MediaTime) {
        if let Stage::Ready(ready) = &mut self.stage
            && !ready.is_asked()
        {
            ready.probe(now);
        }
    }

    /// Waits for something to happen.
    pub(super) async fn step(&mut self) {
        match &mut self.stage {
            Stage::Pausing { until } => sleep(self.context.config.clock.until(*until)).await,
            Stage::Approaching(approach) => {
                self.stage = Stage::Done(approach.await.map(Box::new));
            }
            Stage::Ready(ready) => ready.link.step().await,
            Stage::Done(_) => pending().await,
        }
    }

    /// Does what is due; to be called after every step, and ten times a second.
    pub(super) fn attend(&mut self, now: MediaTime) {
        let pausing = self.pause(now);
        match &mut self.stage {
            Stage::Pausing { until } if now >= *until => {
                self.stage = begin(self.context, self.goal);
            }
            Stage::Pausing { .. } | Stage::Approaching(_) => {}
            Stage::Done(_) => match mem::replace(&mut self.stage, pausing) {
                Stage::Done(Ok(link)) => self.is_ready(link, now),
                Stage::Done(Err(failure)) => self.failed(&failure),
                other => self.stage = other,
            },
            Stage::Ready(ready) => {
                if let Some(failure) = ready.attend(self.context, now) {
                    let lasted = now.since(ready.since);
                    self.broke(&failure, lasted, now);
                }
            }
        }
    }

    fn is_ready(&mut self, link: Box<Link>, now: MediaTime) {
        tracing::debug!(peer = %link.peer, "a connection is kept ready");
        self.told_of_trouble = false;
        self.tell_ready(true);
        self.stage = Stage::Ready(Ready {
            link,
            since: now,
            alive_at: now,
            probed_at: now,
        });
    }

    fn failed(&mut self, failure: &Failure) {
        self.failures = self.failures.saturating_add(1);
        if !mem::replace(&mut self.told_of_trouble, true) {
            let (server, _) = self.context.server_at(self.goal.place);
            self.context.warn(format!(
                "No connection can be kept ready at {}; it is tried again by itself. {failure}",
                server.host
            ));
        }
    }

    fn broke(&mut self, failure: &Failure, lasted: Duration, now: MediaTime) {
        tracing::debug!(%failure, "the connection that was kept ready broke");
        self.tell_ready(false);
        if lasted >= LASTED {
            // Servers close what says nothing for long.
            self.failures = 0;
            self.stage = Stage::Pausing {
                until: now + PAUSE_AFTER_LASTING,
            };
        } else {
            self.stage = self.pause(now);
            self.failures = self.failures.saturating_add(1);
        }
    }

    fn tell_ready(&self, ready: bool) {
        if self.place() == Place::Backup {
            let shared = &self.context.shared;
            shared.update_stats(|stats| stats.backup_ready = Some(ready));
        }
    }

    fn pause(&self, now: MediaTime) -> Stage<'a> {
        Stage::Pausing {
            until: now + standby_delay(self.failures, fastrand::f64()),
        }
    }
}

impl Drop for Standby<'_> {
    fn drop(&mut self) {
        let shared = &self.context.shared;
        shared.update_stats(|stats| stats.backup_ready = None);
    }
}

impl Ready {
    /// Takes note of what it has to tell; gives why it is over, if it is.
    fn attend(&mut self, context: &Context, now: MediaTime) -> Option<Failure> {
        while let Some(event) = self.link.next_event() {
            let failure = context.end_of(&self.link.peer, event);
            if failure.is_some() {
                return failure;
            }
        }
        let arrived = match self.link.look_while_opening(now) {
            Quiet::Unacknowledged(time) if time >= DEAD_AFTER => {
                return Some(Failure::stalled(&self.link.peer, time));
            }
            Quiet::Unacknowledged(_) => self.link.silent_since().is_none(),
            // This system does not tell: what the socket took may have arrived.
            Quiet::Unheard(_) => self.link.is_idle(),
        };
        if arrived && self.is_asked() {
            self.alive_at = now;
        }
        if now.since(self.probed_at) >= PROBE_INTERVAL {
            self.probe(now);
        }
        None
    }

    /// Whether a sign of life was sent and is not known to have arrived.
    fn is_asked(&self) -> bool {
        self.probed_at > self.alive_at
    }

    fn probe(&mut self, now: MediaTime) {
        self.probed_at = now;
        self.link.probe();
    }
}

fn begin(context: &Context, goal: Goal) -> Stage<'_> {
    let (server, _) = context.server_at(goal.place);
    Stage::Approaching(Box::pin(approach(context, server.clone(), goal)))
}

/// How often a sign of life is sent: servers close connections that are silent for 30 s (SRS) or more, and routers
/// forget them after a minute at the earliest.
const PROBE_INTERVAL: Duration = Duration::from_secs(5);
/// A connection that was ready for so long did well, though it broke; the next one is made soon.
const LASTED: Duration = Duration::from_secs(20);
const PAUSE_AFTER_LASTING: Duration = Duration::from_secs(1);
