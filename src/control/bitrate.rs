//! How much picture the way to a server carries: the bitrate to encode with, decided from what one connection
//! shows of itself.
//!
//! | what shows | what follows |
//! |---|---|
//! | media waits for longer than its key frames explain, or a delay stays | to 95 % of what the way carries, down to 65 % where much waits |
//! | the queue is empty, a failure is remembered | back to 95 % of what the way carried then |
//! | the same for some seconds | a try, one step beyond it; each that fails makes the next wait longer, but 8 s at most |
//! | the queue does not empty in a try | it has failed |
//! | a key frame went through faster than the way carried when it failed | the failure is forgotten |
//! | it failed while nothing waited in the network: packets were lost | back to what was ordered before |
//! | the queue is empty, no failure is remembered | up by three tenths, twice a second, as long as it stays empty |
//! | at the floor and still too much | every second picture, then key frames only; back step by step |
//! | the encoder makes what it likes | every second picture is kept from it, whatever the bitrate |
//!
//! What is delivered measures the way only while something waits; else it measures the encoder. So an encoder
//! that makes little, as of a still scene, is no reason to go down, and none to go up.

mod advice;
mod measure;
mod memory;
mod words;

use std::time::Duration;

use crate::units::{Bitrate, MediaTime};

pub use advice::{Advice, Change, Figure, LinkSample, Pace, RateLimits};
use measure::{Link, Measure};
use memory::{Cause, Memory, SHARE, Way};
use words::Why;

/// Decides for one connection.
#[derive(Clone, Debug)]
pub struct BitrateControl {
    limits: RateLimits,
    audio: f64,
    advice: Advice,
    measure: Measure,
    link: Link,
    memory: Memory,
    connected_at: Option<MediaTime>,
    changed_at: MediaTime,
    /// What media waited for when it was cut, if that was the last change.
    cut_at_delay: Option<f64>,
    /// Since when the queue is all right, or is not.
    calm_since: Option<MediaTime>,
    strained_since: Option<MediaTime>,
    /// When more frames were last tried, and how long to wait before that.
    repaced_at: Option<MediaTime>,
    pace_patience: Duration,
    /// When something last waited in the network.
    full_at: Option<MediaTime>,
    /// Since when the encoder makes far more than is ordered.
    disobeyed_since: Option<MediaTime>,
}

impl BitrateControl {
    /// Begins at the ceiling; `audio` is sent in any case.
    #[must_use]
    pub fn new(limits: RateLimits, audio: Bitrate) -> Self {
        let audio = f64::from(audio.bps());
        Self {
            limits,
            audio,
            advice: Advice {
                video: limits.ceiling,
                pace: Pace::Full,
            },
            measure: Measure::default(),
            link: Link::default(),
            memory: Memory::new(f64::from(limits.ceiling.bps()) + audio),
            connected_at: None,
            changed_at: MediaTime::ZERO,
            cut_at_delay: None,
            calm_since: None,
            strained_since: None,
            repaced_at: None,
            pace_patience: PACE_PATIENCE,
            full_at: None,
            disobeyed_since: None,
        }
    }

    /// What is advised now.
    #[must_use]
    pub fn advice(&self) -> Advice {
        self.advice
    }

    /// The user changed the limits.
    pub fn set_limits(&mut self, limits: RateLimits, now: MediaTime) -> Option<Change> {
        let unhindered = self.advice.video == self.limits.ceiling && !self.memory.has_failed();
        self.limits = limits;
        let video = if unhindered || !limits.adaptive {
            limits.ceiling
        } else {
            limits.within(self.advice.video)
        };
        if unhindered {
            self.memory.proven = f64::from(video.bps()) + self.audio;
        }
        let pace = if limits.adaptive && video == limits.floor {
            self.advice.pace
        } else {
            Pace::Full
        };
        self.change(now, Advice { video, pace }, Why::Ordered)
    }

    /// A new connection begins: nothing that was measured on the last one counts, but what it carried. It may
    /// ask for another picture than the last one did.
    pub fn on_connected(&mut self, now: MediaTime) -> Option<Change> {
        self.measure = Measure::default();
        self.link = Link::default();
        self.memory.on_connected(now);
        self.connected_at = Some(now);
        self.strained_since = None;
        self.pace_patience = PACE_PATIENCE;
        let mut advice = self.advice;
        if self.limits.adaptive {
            advice = Advice {
                video: self.picture_of(self.memory.proven),
                pace: Pace::Full,
            };
        }
        let change = self.change(now, advice, Why::Connected);
        self.changed_at = now;
        self.cut_at_delay = None;
        self.calm_since = None;
        change
    }

    /// Takes in what the connection shows; returns a change of mind.
    pub fn observe(&mut self, sample: &LinkSample) -> Option<Change> {
        let now = sample.now;
        self.link = self.measure.take(sample, self.ordered());
        if !self.limits.adaptive {
            return None;
        }
        if self.link.network_delay > 0.0 {
            self.full_at = Some(now);
        }
        self.watch_encoder(now);
        if self.link.standing.min(self.link.delay()) > CALM_DELAY {
            self.memory.on_full(&self.link);
        }
        if self.is_strained(now) {
            self.calm_since = None;
            let since = *self.strained_since.get_or_insert(now);
            return self.on_strain(now, now.since(since));
        }
        self.strained_since = None;
        if self.link.settled > CALM_DELAY {
            self.calm_since = None;
            return None;
        }
        let since = *self.calm_since.get_or_insert(now);
        self.on_calm(now, now.since(since))
    }

    /// Whether more is sent than the way carries: media waits for long, and neither key frames explain it nor
    /// does it pass by itself. A step beyond what failed has failed as soon as the queue does not empty any more.
    fn is_strained(&self, now: MediaTime) -> bool {
        let link = &self.link;
        let waits = link.delay() > self.bearable() || link.standing > STANDING_DELAY;
        let fails = link.settled > STANDING_DELAY && self.memory.is_trying(now);
        (waits || fails) && !link.falling
    }

    /// For how many seconds media may wait: for a moment, and for as long as key frames make it.
    fn bearable(&self) -> f64 {
        BEARABLE_DELAY + self.link.burst
    }

    fn on_strain(&mut self, now: MediaTime, strained_for: Duration) -> Option<Change> {
        if strained_for < SURE_AFTER || now.since(self.changed_at) < self.hold_off() {
            return None;
        }
        if self.link.paused > 0.0 {
            return self.on_pause(now);
        }
        let carried = self.carried_now(now)?;
        if self.is_judging_a_cut(now) {
            return None;
        }
        let cause = self.cause(now);
        self.memory.on_failure(now, carried, self.ordered(), cause);
        let excess = (self.link.delay() - self.bearable()).max(0.0);
        let why = if self.link.network_delay > self.link.own_delay {
            Why::Delay(carried)
        } else {
            Why::Carries(carried)
        };
        if self.is_disobeyed(now) {
            return self.fewer_frames_of(now, carried, self.link.produced);
        }
        let cut = self.cut(now, carried, excess, why);
        cut.or_else(|| self.fewer_frames(now, carried))
    }

    /// Why the way carries too little: where for some time nothing waited in the network, lost packets hold TCP up.
    fn cause(&self, now: MediaTime) -> Cause {
        let is_lately = |at| now.since(at) < EMPTY_FOR;
        match self.link.round_trip {
            None => Cause::Unknown,
            Some(_) if self.full_at.is_some_and(is_lately) => Cause::Full,
            Some(_) => Cause::Loss,
        }
    }

    /// Goes down to what a way that carries `carried` takes while it makes up for `excess` seconds.
    fn cut(&mut self, now: MediaTime, carried: f64, excess: f64, why: Why) -> Option<Change> {
        let (empty_within, least_share) = if self.link.round_trip.is_some() {
            (EMPTY_WITHIN, LEAST_SHARE)
        } else {
            (EMPTY_WITHIN_UNSEEN, LEAST_SHARE_UNSEEN)
        };
        let share = match self.cause(now) {
            // Sent slower, lost packets are not made up for sooner.
            Cause::Loss => SHARE,
            Cause::Full | Cause::Unknown => (SHARE - excess / empty_within).max(least_share),
        };
        let video = self.picture_of(carried * share);
        let before = self.advice.video;
        let is_worth_it = f64::from(video.bps()) < f64::from(before.bps()) * WORTH_A_CUT;
        if !is_worth_it && (video >= before || video != self.limits.floor) {
            return None;
        }
        let pace = self.advice.pace;
        self.change(now, Advice { video, pace }, why)
    }

    /// What the way carries, if it shows that already.
    fn carried_now(&self, now: MediaTime) -> Option<f64> {
        let carried = self.link.capacity?;
        if self.link.rising && self.cause(now) == Cause::Loss {
            return None; // TCP is getting up to speed again
        }
        let opens = |at| now.since(at) < OPENING;
        match self.connected_at {
            // TCP begins slowly: it is not the way that carries so little.
            Some(at) if opens(at) && self.link.rising => None,
            Some(at) if opens(at) => Some(carried.max(self.link.delivered_lately)),
            Some(_) | None => Some(carried),
        }
    }

    /// Whether media waits in the network alone, and no longer than at the last cut. If that did not help for
    /// a while, the way got longer, or others fill it: that is the usual way then, for to send still less
    /// would help nobody.
    fn is_judging_a_cut(&mut self, now: MediaTime) -> bool {
        let link = &self.link;
        let Some(delay_then) = self.cut_at_delay else {
            return false;
        };
        if link.own_delay >= CALM_DELAY || link.delay() > delay_then + WORSE {
            return false;
        }
        let round_trip = Duration::from_secs_f64(link.round_trip.unwrap_or(0.0).min(2.0));
        if now.since(self.changed_at) >= CUT_HELPS_AFTER + round_trip * 2 && !link.draining {
            self.measure.accept_round_trip();
        }
        true
    }

    /// Nothing arrives. That says nothing of the rate to come, but what waits has to be made up for.
    fn on_pause(&mut self, now: MediaTime) -> Option<Change> {
        let paused = self.link.paused;
        if paused < LONG_PAUSE {
            return None;
        }
        let proven = self.memory.proven;
        self.cut(now, proven, self.link.delay(), Why::Pause(paused))
    }

    fn on_calm(&mut self, now: MediaTime, calm_for: Duration) -> Option<Change> {
        let since_change = now.since(self.changed_at);
        let settled_for = calm_for.min(since_change);
        let ordered = self.ordered();
        self.memory.on_health(&self.link, ordered, settled_for);
        if self.advice.pace != Pace::Full {
            return self.more_frames(now, settled_for);
        }
        if self.link.produced < ordered * USED_PART {
            return None; // an encoder with little to do shows nothing of the way
        }
        match self.memory.way(ordered, since_change) {
            // It was empty lately, but fills: only a key frame perhaps, and the next looks tell.
            Way::Open | Way::Beyond(_) if self.link.delay() > CALM_DELAY => None,
            Way::Open if settled_for < RAMP_EVERY => None,
            Way::Open => {
                let least = f64::from(self.limits.ceiling.bps()) * LEAST_RAMP;
                self.raise(now, (ordered * RAMP).max(ordered + least))
            }
            Way::Proven(most) => self.raise(now, most),
            Way::Beyond(_) if calm_for < RAMP_EVERY => None,
            Way::Beyond(target) => {
                let top = f64::from(self.limits.ceiling.bps()) + self.audio;
                let target = if target * NEARLY_TOP > top {
                    top
                } else {
                    target
                };
                let change = self.raise(now, target)?;
                self.memory.on_try(now);
                Some(change)
            }
        }
    }

    /// Goes up to `target` in all, but not too far beyond what is delivered.
    fn raise(&mut self, now: MediaTime, target: f64) -> Option<Change> {
        let delivered = self.link.delivered;
        let most = (delivered * MOST_RAISE).max(delivered + MOST_RAISE_BPS);
        let video = self.picture_of(target.min(most));
        let before = self.advice.video;
        let is_worth_it = f64::from(video.bps()) > f64::from(before.bps()) * WORTH_A_RAISE;
        if !is_worth_it && (video <= before || video != self.limits.ceiling) {
            return None;
        }
        let pace = self.advice.pace;
        self.change(now, Advice { video, pace }, Why::Room)
    }

    /// Even the floor is too much.
    fn fewer_frames(&mut self, now: MediaTime, carried: f64) -> Option<Change> {
        let Advice { video, pace } = self.advice;
        if video != self.limits.floor || now.since(self.changed_at) < FEWER_AFTER {
            return None;
        }
        let half_fits = carried > self.audio + f64::from(video.bps()) / 2.0;
        let pace = match pace {
            Pace::Full if half_fits => Pace::Half,
            Pace::Full | Pace::Half => Pace::Still,
            Pace::Still => return None,
        };
        self.repace(now, pace)
    }

    /// The encoder makes `produced` whatever it is told: but pictures that it is not given it cannot make.
    fn fewer_frames_of(&mut self, now: MediaTime, carried: f64, produced: f64) -> Option<Change> {
        let pace = match self.advice.pace {
            Pace::Full => Pace::Half,
            Pace::Half if carried < produced * STILL_BELOW => Pace::Still,
            Pace::Half | Pace::Still => return None,
        };
        self.repace(now, pace)
    }

    fn watch_encoder(&mut self, now: MediaTime) {
        let left_out = if self.advice.pace == Pace::Half {
            2.0
        } else {
            1.0
        };
        if self.link.produced * left_out < self.ordered() * DISOBEYED {
            self.disobeyed_since = None;
        } else {
            self.disobeyed_since.get_or_insert(now);
        }
    }

    /// Whether the encoder has made far more than was ordered for longer than it takes to follow an order.
    fn is_disobeyed(&self, now: MediaTime) -> bool {
        self.disobeyed_since
            .is_some_and(|since| now.since(since) >= DISOBEYED_AFTER)
    }

    fn repace(&mut self, now: MediaTime, pace: Pace) -> Option<Change> {
        let video = self.advice.video;
        let blamed = |at: MediaTime| now.since(at) < BLAMED_FOR;
        if self.repaced_at.is_some_and(blamed) {
            self.pace_patience = (self.pace_patience * 2).min(MOST_PACE_PATIENCE);
        }
        self.change(now, Advice { video, pace }, Why::Pace)
    }

    fn more_frames(&mut self, now: MediaTime, settled_for: Duration) -> Option<Change> {
        let patience = if self.memory.has_failed() {
            self.pace_patience
        } else {
            RAMP_EVERY
        };
        if settled_for < patience {
            return None;
        }
        let Advice { video, pace } = self.advice;
        let pace = match pace {
            Pace::Still => Pace::Half,
            Pace::Half | Pace::Full => Pace::Full,
        };
        self.repaced_at = Some(now);
        self.change(now, Advice { video, pace }, Why::Pace)
    }

    /// For how long a change has not shown yet what it does.
    fn hold_off(&self) -> Duration {
        let round_trip = Duration::from_secs_f64(self.link.base_round_trip.min(1.0));
        CUT_SHOWS_AFTER.max(round_trip * 2)
    }

    fn change(&mut self, now: MediaTime, advice: Advice, why: Why) -> Option<Change> {
        let before = std::mem::replace(&mut self.advice, advice);
        if before == advice {
            return None;
        }
        self.changed_at = now;
        self.cut_at_delay = (advice.video < before.video).then(|| self.link.delay());
        self.calm_since = None;
        Some(words::change(before, advice, why, &self.link))
    }

    /// Picture and sound, in bits per second.
    fn ordered(&self) -> f64 {
        f64::from(self.advice.video.bps()) + self.audio
    }

    /// What of `total` is left for the picture, in whole steps, within the limits.
    fn picture_of(&self, total: f64) -> Bitrate {
        let bps = (total - self.audio).max(0.0);
        if bps >= f64::from(self.limits.ceiling.bps()) {
            return self.limits.ceiling; // which need not be a whole step
        }
        let step = if bps < FINE_BELOW { FINE_STEP } else { STEP };
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "not negative, and `as` saturates"
        )]
        let bps = ((bps / step).floor() * step) as u32;
        self.limits.within(Bitrate::from_bps(bps))
    }
}

/// In how many seconds what waits is to be gone.
const EMPTY_WITHIN: f64 = 3.0;
/// Never less of what the way carries, however much waits: a deep cut shows for longer than a short delay.
const LEAST_SHARE: f64 = 0.65;
/// The same where no round trip tells what waits in the network, too.
const EMPTY_WITHIN_UNSEEN: f64 = 2.0;
const LEAST_SHARE_UNSEEN: f64 = 0.4;
/// Waiting for so many seconds is nothing; what key frames explain comes on top.
const BEARABLE_DELAY: f64 = 0.2;
/// Never being emptier than this is congestion, if a slow one.
const STANDING_DELAY: f64 = 0.1;
/// Having been as empty as this lately is health; to go where no rate was proven, it must be so now.
const CALM_DELAY: f64 = 0.07;
/// One sample alone is none.
const SURE_AFTER: Duration = Duration::from_millis(100);
/// How long the encoder and the way need to show what a change does, if no round trip asks for longer.
const CUT_SHOWS_AFTER: Duration = Duration::from_millis(500);
/// How long it takes to see that a cut does not help, a few round trips aside; and by how many seconds more
/// waiting is worse than before.
const CUT_HELPS_AFTER: Duration = Duration::from_millis(2_500);
const WORSE: f64 = 0.1;
/// For how long a new connection may still be getting up to speed.
const OPENING: Duration = Duration::from_secs(4);
/// Nothing arriving for so many seconds is more than a lost packet.
const LONG_PAUSE: f64 = 1.0;
/// Smaller changes are not worth one.
const WORTH_A_CUT: f64 = 0.95;
const WORTH_A_RAISE: f64 = 1.05;
/// How often and by which factor the rate rises where nothing stands against it, and by which part of the
/// ceiling at least.
const RAMP_EVERY: Duration = Duration::from_millis(500);
const RAMP: f64 = 1.3;
const LEAST_RAMP: f64 = 0.1;
/// A raise goes no further beyond what is delivered: so many times as much, or so many bits per second more.
const MOST_RAISE: f64 = 1.7;
const MOST_RAISE_BPS: f64 = 1_000_000.0;
/// What is left below the ceiling after a step beyond what failed is not worth a step of its own.
const NEARLY_TOP: f64 = 1.1;
/// An encoder that makes less than this part of what is ordered needs no more.
const USED_PART: f64 = 0.5;
/// How long the floor must have been too much before frames are left out.
const FEWER_AFTER: Duration = Duration::from_millis(1_500);
/// Where nothing waited in the network for so long, it is not full.
const EMPTY_FOR: Duration = Duration::from_secs(3);
/// An encoder that makes so many times what is ordered for so long does not obey: longer than it takes to follow
/// an order and to see that.
const DISOBEYED: f64 = 1.5;
const DISOBEYED_AFTER: Duration = Duration::from_secs(3);
/// Half of its pictures are far too much for a way that carries less than this part of what it makes.
const STILL_BELOW: f64 = 0.3;
/// How long all must be well before more frames are tried, at first and at most; it doubles when they fail
/// soon.
const PACE_PATIENCE: Duration = Duration::from_secs(4);
const MOST_PACE_PATIENCE: Duration = Duration::from_secs(32);
const BLAMED_FOR: Duration = Duration::from_secs(10);
/// Bitrates are advised in steps of so many bits per second; finer where a step would be much.
const STEP: f64 = 50_000.0;
const FINE_STEP: f64 = 10_000.0;
const FINE_BELOW: f64 = 500_000.0;

#[cfg(test)]
mod tests;
