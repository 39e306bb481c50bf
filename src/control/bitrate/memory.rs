//! What the way is known to carry, and when it failed: so that a rate that was too much is approached with
//! care, and one that was fine is taken up again at once.

use std::time::Duration;

use super::measure::Link;
use crate::units::MediaTime;

/// Rates in bits per second, sound included.
#[derive(Clone, Debug)]
pub(super) struct Memory {
    /// What the way is believed to carry: where a new connection begins.
    pub(super) proven: f64,
    failed: Option<Failed>,
    /// What the way carried when it failed last, forgotten or not.
    last_carried: f64,
    /// How long to wait before a step beyond what failed, and when the last one was made.
    patience: Duration,
    tried_at: Option<MediaTime>,
    /// How much faster than a full way a burst must be delivered to show room, and when the last one did.
    faster: f64,
    found_room_at: Option<MediaTime>,
    /// How long to wait after packets were lost before it goes back to what was ordered before, what that is,
    /// and when it last did so.
    loss_patience: Duration,
    regained: f64,
    regained_at: Option<MediaTime>,
}

/// The last time that the way carried too little.
#[derive(Clone, Copy, Debug)]
struct Failed {
    at: MediaTime,
    /// What it carried then.
    carried: f64,
    /// The fastest that it delivered for a moment while full.
    peak: f64,
    /// What was ordered before.
    ordered: f64,
    cause: Cause,
}

/// Why the way carried too little.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cause {
    /// It was full.
    Full,
    /// Nothing waited in the network: lost packets held TCP up.
    Loss,
    /// The system does not tell what waits in the network.
    Unknown,
}

/// How far up it may go.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Way {
    /// Nothing stands against going up.
    Open,
    /// This much is proven, and it is too early to go beyond.
    Proven(f64),
    /// This is a step beyond what failed, to be made now.
    Beyond(f64),
}

impl Memory {
    pub(super) fn new(proven: f64) -> Self {
        Self {
            proven,
            failed: None,
            last_carried: 0.0,
            patience: PATIENCE,
            tried_at: None,
            faster: FASTER,
            found_room_at: None,
            loss_patience: LOSS_PATIENCE,
            regained: 0.0,
            regained_at: None,
        }
    }

    /// A new connection may go another way.
    pub(super) fn on_connected(&mut self, now: MediaTime) {
        self.failed = self
            .failed
            .filter(|failed| now.since(failed.at) < REMEMBERED_FOR);
        self.patience = PATIENCE;
        self.tried_at = None;
        self.found_room_at = None;
        self.regained = 0.0;
    }

    pub(super) const fn has_failed(&self) -> bool {
        self.failed.is_some()
    }

    /// `ordered` was too much for a way that carries `carried`.
    pub(super) fn on_failure(&mut self, now: MediaTime, carried: f64, ordered: f64, cause: Cause) {
        if self.failed.is_none() {
            let relapsed = self
                .regained_at
                .is_some_and(|at| now.since(at) < RELAPSES_WITHIN);
            self.loss_patience = if relapsed {
                (self.loss_patience * 2).min(MOST_LOSS_PATIENCE)
            } else {
                LOSS_PATIENCE
            };
        }
        let blamed = |at: Option<MediaTime>| at.is_some_and(|at| now.since(at) < BLAMED_FOR);
        let as_before = SAME_WAY * self.last_carried..self.last_carried / SAME_WAY;
        if !as_before.contains(&carried) {
            self.patience = PATIENCE;
        } else if blamed(self.tried_at) {
            self.patience = (self.patience * 2).min(MOST_PATIENCE);
        }
        if blamed(self.found_room_at) {
            self.faster = (self.faster * FASTER).min(MOST_FASTER);
        }
        self.tried_at = None;
        self.found_room_at = None;
        self.proven = carried * SHARE;
        self.last_carried = carried;
        self.failed = Some(Failed {
            at: now,
            carried,
            peak: carried,
            ordered: self.failed.map_or(ordered, |failed| failed.ordered),
            cause,
        });
        self.regained = 0.0;
    }

    /// While the way is full it shows best what it carries.
    pub(super) fn on_full(&mut self, link: &Link) {
        let (Some(failed), Some(capacity)) = (&mut self.failed, link.capacity) else {
            return;
        };
        if link.now.since(failed.at) >= EMPTIES_AFTER {
            failed.carried = capacity;
            self.last_carried = capacity;
            failed.peak = failed.peak.max(link.delivered_now);
            self.proven = capacity * SHARE;
        }
    }

    /// Nothing waits; `settled_for` so long nothing was changed either. What failed is forgotten when the way
    /// shows that it carries more now.
    pub(super) fn on_health(&mut self, link: &Link, ordered: f64, settled_for: Duration) {
        let Some(failed) = self.failed else {
            if link.produced > ordered * FULL_USE {
                self.proven = ordered;
            }
            return;
        };
        if link.produced > failed.carried && settled_for >= PROVEN_AFTER * failed.caution() {
            self.faster = FASTER;
        } else if failed.cause == Cause::Loss && settled_for >= self.loss_patience {
            self.regained = failed.ordered;
            self.regained_at = Some(link.now);
        } else if link.delivered_now > failed.peak * self.faster * failed.doubt() {
            self.found_room_at = Some(link.now);
        } else {
            return;
        }
        self.failed = None;
    }

    /// How far up it may go, when nothing was changed for `since_change`.
    pub(super) fn way(&self, ordered: f64, since_change: Duration) -> Way {
        match self.failed {
            None if ordered < self.regained => Way::Proven(self.regained),
            None => Way::Open,
            Some(failed) if since_change < self.patience * failed.caution() => {
                Way::Proven(failed.carried * SHARE)
            }
            Some(failed) => Way::Beyond(failed.carried * BEYOND),
        }
    }

    /// Whether a step beyond what failed has been made, and not shown yet whether the way carries it.
    pub(super) fn is_trying(&self, now: MediaTime) -> bool {
        let sees = |failed: Failed| failed.cause != Cause::Unknown;
        self.failed.is_some_and(sees)
            && self
                .tried_at
                .is_some_and(|at| now.since(at) < TRY_SHOWS_WITHIN)
    }

    /// A step beyond what failed is made.
    pub(super) fn on_try(&mut self, now: MediaTime) {
        self.tried_at = Some(now);
    }
}

impl Failed {
    /// How many times longer to wait where little is seen of the way.
    fn caution(&self) -> u32 {
        if self.cause == Cause::Unknown { 3 } else { 1 }
    }

    /// How many times faster a burst must be there: what is seen of it comes in lumps.
    fn doubt(&self) -> f64 {
        if self.cause == Cause::Unknown {
            LUMPS
        } else {
            1.0
        }
    }
}

/// The part of what the way carries that is used: the rest lets key frames through.
pub(super) const SHARE: f64 = 0.95;
/// An encoder that makes so much of what is ordered shows that the way carries it.
const FULL_USE: f64 = 0.75;
/// How long what failed is respected before it is tried again, at first and at most.
const PATIENCE: Duration = Duration::from_secs(2);
const MOST_PATIENCE: Duration = Duration::from_secs(8);
/// A way that carries less than this part of what it did, or as much more, is another one.
const SAME_WAY: f64 = 0.8;
/// How far a try goes beyond what the way carried: enough to show soon whether it fails.
const BEYOND: f64 = 1.08;
/// For so long after a try, a queue that does not empty shows that it failed.
const TRY_SHOWS_WITHIN: Duration = Duration::from_secs(5);
/// After so long a try has not failed.
const PROVEN_AFTER: Duration = Duration::from_millis(2_500);
/// Failures so soon after a try are that try's.
const BLAMED_FOR: Duration = Duration::from_secs(10);
/// A burst that is delivered so much faster than a full way did shows that there is more room. If there was
/// none, the next one must be faster still.
const FASTER: f64 = 1.2;
const MOST_FASTER: f64 = 2.5;
/// So many times faster still where acknowledgements come in lumps, as they do where the system tells nothing.
const LUMPS: f64 = 1.3;
/// So long after a failure what is measured is the way as it is since.
const EMPTIES_AFTER: Duration = Duration::from_millis(500);
/// A failure on an older connection counts for so long.
const REMEMBERED_FOR: Duration = Duration::from_mins(1);
/// How long after packets were lost it goes back up, at first; longer if they are lost again so soon.
const LOSS_PATIENCE: Duration = Duration::from_millis(100);
const MOST_LOSS_PATIENCE: Duration = Duration::from_secs(32);
const RELAPSES_WITHIN: Duration = Duration::from_secs(4);
