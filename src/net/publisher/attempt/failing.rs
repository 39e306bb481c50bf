//! What is noticed before the connection itself fails, and the other server that stands by for it.

use super::{Attempt, Carrier, Setback};
use crate::{
    control::failover::Place,
    net::publisher::{approach::release, ground::Finding, handover::Next, standby::Standby},
    rtmp::refusal::{Cause, Failure},
    units::MediaTime,
};

impl Attempt<'_> {
    /// Has the connection that is kept ready at the other server take over, if there is one; says whether it will.
    pub(super) fn release_standby(&mut self, now: MediaTime) -> bool {
        if now < self.course.moves.allowed_at() {
            return false;
        }
        let link = self.standby.as_mut().and_then(|standby| standby.take(now));
        let Some(link) = link else {
            return false;
        };
        self.course.moves.on_try(now);
        self.releasing = Some(link.place);
        self.next = Next::Approaching(Box::pin(release(self.context, link)));
        true
    }

    /// The other server, where a connection was kept ready, does not take the stream after all.
    pub(super) fn release_failed(
        &mut self,
        now: MediaTime,
        place: Place,
        failure: &Failure,
    ) -> Result<(), Setback> {
        let (server, _) = self.context.server_at(place);
        let host = &server.host;
        self.context.warn(format!(
            "The stream does not go on at {host}, where it was to. {failure}"
        ));
        self.course.moves.on_failure(now);
        match &self.carrier {
            Carrier::Gap { because, .. } => Err(because.clone().into()),
            Carrier::Link(_) => Ok(()),
        }
    }

    /// Keeps a connection ready at the other server, where that is wanted, and returns to the first one in time.
    pub(super) fn attend_to_standby(&mut self, now: MediaTime) {
        let failover = &self.course.failover;
        let place = self.standby.as_ref().map(Standby::place);
        if self.live && place != failover.standby_at() {
            // The old one takes its figures along.
            self.standby = None;
            self.standby = failover.standby_at().map(|place| {
                let was_live = failover.was_live_at(place);
                Standby::new(self.context, place, was_live)
            });
        }
        let Some(standby) = &mut self.standby else {
            return;
        };
        standby.attend(now);
        if standby.known().is_some() {
            self.course.reached(standby.place());
        }
        let is_calm = matches!(self.carrier, Carrier::Link(_))
            && self.next.is_none()
            && self.leaving.is_none();
        let failover = &self.course.failover;
        if is_calm && failover.should_return(now, standby.known()) {
            self.release_standby(now);
        }
    }

    /// Whether the connection is silent for so long that the one which is kept ready had better take over.
    pub(super) fn look_for_suspicion(&mut self, now: MediaTime) -> Result<(), Setback> {
        let (Carrier::Link(link), Some(standby)) = (&self.carrier, &mut self.standby) else {
            return Ok(());
        };
        let failover = &self.course.failover;
        let silent_since = link.silent_since();
        if failover.is_suspicious(now, silent_since) {
            standby.probe(now);
        }
        let switches = failover.should_switch(now, silent_since, standby.known());
        let silent_for = now.since(silent_since.unwrap_or(now));
        let because = Failure::stalled(&link.peer, silent_for);
        if switches && self.next.is_none() && self.release_standby(now) {
            self.lost(now, because)?;
        }
        Ok(())
    }

    /// Whether this computer's network still carries the connection.
    pub(super) fn look_at_ground(&mut self, now: MediaTime) -> Result<(), Setback> {
        let Carrier::Link(link) = &self.carrier else {
            self.ground.pass_over();
            return Ok(());
        };
        match self.ground.look(now, link) {
            Finding::Fine => {}
            Finding::Unplugged(because) => {
                if self.next.is_none() && self.release_standby(now) {
                    self.lost(now, because)?;
                } else {
                    self.fell_silent(now, because);
                }
            }
            Finding::Lost(because) => {
                if because.cause == Cause::Slept {
                    // It slept, too.
                    self.standby = None;
                }
                self.lost(now, because)?;
            }
        }
        Ok(())
    }
}
