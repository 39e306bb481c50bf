//! How much picture the way to a server carries: the bitrate to encode with, decided from what one connection
//! shows of itself.
//!
//! | what shows | what follows |
//! |---|---|
//! | media waits for longer than its key frames explain, or a delay stays | to what the way carries, less what empties the queue in [`EMPTY_WITHIN`] |
//! | the queue is empty, a failure is remembered | back to [`SHARE`] of what the way carried then |
//! | the same for [`PATIENCE`] | one step beyond it; each that fails doubles the patience |
//! | a key frame went through faster than the way carried when it failed | the failure is forgotten |
//! | the queue is empty, no failure is remembered | up by three tenths a second |
//! | at the floor and still too much | every second picture, then key frames only; back step by step |
//!
//! What is delivered measures the way only while something waits; else it measures the encoder. So an encoder
//! that makes little, as of a still scene, is no reason to go down, and none to go up.

mod measure;
mod words;

use std::time::Duration;

use crate::units::{Bitrate, MediaTime};

use measure::{Link, Measure};
use words::Why;

/// What the user allows for the picture's bitrate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RateLimits {
    /// Never less, however little the way carries.
    pub floor: Bitrate,
    /// Never more; where it starts.
    pub ceiling: Bitrate,
    /// Whether the bitrate follows the way. If not, it is always `ceiling`, and frames are left out instead.
    pub adaptive: bool,
}

impl RateLimits {
    /// Always `bitrate`.
    #[must_use]
    pub const fn fixed(bitrate: Bitrate) -> Self {
        Self {
            floor: bitrate,
            ceiling: bitrate,
            adaptive: false,
        }
    }
}

/// What one connection shows of itself at one moment; taken ten times a second.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct LinkSample {
    /// When.
    pub now: MediaTime,
    /// Media that waits in our own queue, by its duration.
    pub queue: Duration,
    /// Bytes given to the connection that are not on their way yet: ours and the kernel's.
    pub unsent: u64,
    /// Bytes on their way, not acknowledged; zero where the system does not tell.
    pub in_flight: u64,
    /// Bytes acknowledged on this connection so far.
    pub acknowledged: u64,
    /// Bytes of media that the encoders put into the queue so far.
    pub produced: u64,
    /// Round trip, where the system tells.
    pub round_trip: Option<Duration>,
}

/// What an output would like to be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Advice {
    /// The picture's bitrate.
    pub video: Bitrate,
    /// How many of its frames.
    pub pace: Pace,
}

/// How many frames are encoded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Pace {
    /// All of them.
    #[default]
    Full,
    /// Every second one: even the floor is too much.
    Half,
    /// Only key frames, so that sound and a picture stay.
    Still,
}

/// A change of [`Advice`], and why.
///
/// A way back up takes several steps, one a second or slower, that say the same: who tells them to people may
/// tell the first of a row with `better` set at once and the others together, as `from_kbps` of the first and
/// `to_kbps` of the last. Changes for the worse are rare and each is worth telling.
#[derive(Clone, Debug, PartialEq)]
pub struct Change {
    /// What is advised now.
    pub advice: Advice,
    /// Whether it is for the better.
    pub better: bool,
    /// One plain sentence with numbers.
    pub reason: String,
    /// The numbers it was decided from.
    pub figures: Vec<Figure>,
}

/// One number of a decision, for machines.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Figure {
    /// What it is, as in JSON: `queue_ms`.
    pub name: &'static str,
    /// In the unit that the name ends in.
    pub value: f64,
}

/// Decides for one connection.
#[derive(Clone, Debug)]
pub struct BitrateControl {
    limits: RateLimits,
    audio: f64,
    advice: Advice,
    measure: Measure,
    link: Link,
    /// What the way is believed to carry, sound included.
    proven: f64,
    /// The last time that it carried too little.
    failed: Option<Failed>,
    /// How long to wait before a step beyond what failed, and when the last one was made.
    patience: Duration,
    tried_at: Option<MediaTime>,
    /// How much faster than a full way a burst must be delivered to show room, and when the last one did.
    faster: f64,
    found_room_at: Option<MediaTime>,
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
}

/// A rate that was too much.
#[derive(Clone, Copy, Debug)]
struct Failed {
    at: MediaTime,
    /// What the way carried then.
    carried: f64,
    /// The fastest that it delivered for a moment while full.
    peak: f64,
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
            proven: f64::from(limits.ceiling.bps()) + audio,
            failed: None,
            patience: PATIENCE,
            tried_at: None,
            faster: FASTER,
            found_room_at: None,
            connected_at: None,
            changed_at: MediaTime::ZERO,
            cut_at_delay: None,
            calm_since: None,
            strained_since: None,
            repaced_at: None,
            pace_patience: PACE_PATIENCE,
        }
    }

    /// What is advised now.
    #[must_use]
    pub fn advice(&self) -> Advice {
        self.advice
    }

    /// The user changed the limits.
    pub fn set_limits(&mut self, limits: RateLimits, now: MediaTime) -> Option<Change> {
        let was_at_ceiling = self.advice.video == self.limits.ceiling;
        self.limits = limits;
        let video = match (limits.adaptive, was_at_ceiling && self.failed.is_none()) {
            (false, _) | (true, true) => limits.ceiling,
            (true, false) => limits.within(self.advice.video),
        };
        let pace = if limits.adaptive && video == limits.floor {
            self.advice.pace
        } else {
            Pace::Full
        };
        self.change(now, Advice { video, pace }, Why::Ordered)
    }

    /// A new connection begins: nothing that was measured on the last one counts, but what it carried.
    ///
    /// [`BitrateControl::advice`] may be another one then.
    pub fn on_connected(&mut self, now: MediaTime) {
        self.measure = Measure::default();
        self.link = Link::default();
        self.connected_at = Some(now);
        self.changed_at = now;
        self.cut_at_delay = None;
        self.calm_since = None;
        self.strained_since = None;
        self.patience = PATIENCE;
        self.pace_patience = PACE_PATIENCE;
        if self.limits.adaptive {
            self.advice = Advice {
                video: self.picture_of(self.proven),
                pace: Pace::Full,
            };
        }
    }

    /// Takes in what the connection shows; returns a change of mind.
    pub fn observe(&mut self, sample: &LinkSample) -> Option<Change> {
        self.link = self.measure.take(sample, self.ordered());
        if !self.limits.adaptive {
            return None;
        }
        let now = sample.now;
        self.note_what_a_full_way_carries();
        if self.is_strained() {
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

    /// Whether more is sent than the way carries: media waits for long, and neither key frames nor what is
    /// already being made up for explain it.
    fn is_strained(&self) -> bool {
        let link = &self.link;
        (link.delay() > self.bearable() || link.standing > STANDING_DELAY) && !link.falling
    }

    /// For how many seconds media may wait: for a moment, and for as long as key frames make it.
    fn bearable(&self) -> f64 {
        BEARABLE_DELAY + self.link.burst
    }

    fn on_strain(&mut self, now: MediaTime, strained_for: Duration) -> Option<Change> {
        if strained_for < SURE_AFTER || now < self.hold_until() {
            return None;
        }
        if self.link.paused > 0.0 {
            return self.on_pause(now);
        }
        let mut carried = self.link.capacity?;
        if self.connected_at.is_some_and(|at| now.since(at) < OPENING) {
            // TCP begins slowly: it is not the way that carries so little.
            if self.link.rising {
                return None;
            }
            carried = carried.max(self.link.delivered_lately);
        }
        if self.is_judging_a_cut(now) {
            return None;
        }
        self.note_failure(now, carried);
        self.proven = carried * SHARE;
        let excess = (self.link.delay() - self.bearable()).max(0.0);
        let share = (SHARE - excess / EMPTY_WITHIN).max(LEAST_SHARE);
        let video = self.picture_of(carried * share);
        let cut = f64::from(video.bps()) < f64::from(self.advice.video.bps()) * WORTH_A_CUT;
        if cut || (video < self.advice.video && video == self.limits.floor) {
            return self.change(
                now,
                Advice {
                    video,
                    ..self.advice
                },
                self.why_down(carried),
            );
        }
        self.fewer_frames(now, carried)
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
        if self.link.paused < LONG_PAUSE {
            return None;
        }
        let share = (SHARE - self.link.delay() / EMPTY_WITHIN).max(LEAST_SHARE);
        let video = self.picture_of(self.proven * share);
        let cut = f64::from(video.bps()) < f64::from(self.advice.video.bps()) * WORTH_A_CUT;
        if !cut {
            return None;
        }
        self.change(
            now,
            Advice {
                video,
                ..self.advice
            },
            Why::Pause(self.link.paused),
        )
    }

    fn on_calm(&mut self, now: MediaTime, calm_for: Duration) -> Option<Change> {
        self.forget_failure(now, calm_for);
        if self.advice.pace != Pace::Full {
            return self.more_frames(now, calm_for);
        }
        let ordered = self.ordered();
        if self.link.produced < ordered * USED_PART {
            return None; // an encoder with little to do shows nothing of the way
        }
        let since_change = now.since(self.changed_at);
        let target = match self.failed {
            None if calm_for.min(since_change) >= RAMP_EVERY => {
                (ordered * RAMP).max(ordered + f64::from(self.limits.ceiling.bps()) * LEAST_RAMP)
            }
            Some(failed) if ordered < failed.carried * SHARE * WORTH_A_CUT => {
                failed.carried * SHARE
            }
            Some(failed) if calm_for >= RAMP_EVERY && since_change >= self.patience => {
                failed.carried * BEYOND
            }
            None | Some(_) => return None,
        };
        let most = (self.link.delivered * MOST_RAISE).max(self.link.delivered + MOST_RAISE_BPS);
        let video = self.picture_of(target.min(most));
        let worth = f64::from(video.bps()) > f64::from(self.advice.video.bps()) * WORTH_A_RAISE;
        let tries = self.failed.is_some_and(|failed| target > failed.carried);
        self.tried_at = tries.then_some(now);
        if worth || (video > self.advice.video && video == self.limits.ceiling) {
            return self.change(
                now,
                Advice {
                    video,
                    ..self.advice
                },
                Why::Room,
            );
        }
        None
    }

    /// While the way is full it shows best what it carries.
    fn note_what_a_full_way_carries(&mut self) {
        let (Some(failed), Some(capacity)) = (&mut self.failed, self.link.capacity) else {
            return;
        };
        let full = self.link.standing.min(self.link.delay()) > CALM_DELAY;
        if full && self.link.now.since(failed.at) >= CUT_SHOWS_AFTER {
            failed.carried = capacity;
            failed.peak = failed.peak.max(self.link.delivered_now);
            self.proven = capacity * SHARE;
        }
    }

    fn note_failure(&mut self, now: MediaTime, carried: f64) {
        let blamed = |at: Option<MediaTime>| at.is_some_and(|at| now.since(at) < BLAMED_FOR);
        let same_way = |failed: Failed| carried > failed.carried * SAME_WAY;
        if !self.failed.is_some_and(same_way) {
            self.patience = PATIENCE;
        } else if blamed(self.tried_at) {
            self.patience = (self.patience * 2).min(MOST_PATIENCE);
        }
        self.tried_at = None;
        if blamed(self.found_room_at.take()) {
            self.faster = (self.faster * FASTER).min(MOST_FASTER);
        }
        self.failed = Some(Failed {
            at: now,
            carried,
            peak: carried,
        });
    }

    /// What failed is forgotten when the way shows that it carries more now.
    fn forget_failure(&mut self, now: MediaTime, calm_for: Duration) {
        let Some(failed) = self.failed else {
            if self.link.produced > self.ordered() * USED_PART {
                self.proven = self.ordered();
            }
            return;
        };
        let by_burst = self.link.delivered_now > failed.peak * self.faster;
        let by_itself = self.advice.pace == Pace::Full
            && self.ordered() > failed.carried
            && self.link.produced > self.ordered() * USED_PART
            && calm_for.min(now.since(self.changed_at)) >= PROVEN_AFTER;
        if by_itself {
            self.faster = FASTER;
        } else if by_burst {
            self.found_room_at = Some(now);
        } else {
            return;
        }
        self.failed = None;
        self.patience = PATIENCE;
    }

    /// Even the floor is too much.
    fn fewer_frames(&mut self, now: MediaTime, carried: f64) -> Option<Change> {
        let at_floor = self.advice.video == self.limits.floor;
        if !at_floor || now.since(self.changed_at) < FEWER_AFTER {
            return None;
        }
        let pace = match self.advice.pace {
            Pace::Full if carried > self.audio + f64::from(self.limits.floor.bps()) / 2.0 => {
                Pace::Half
            }
            Pace::Full | Pace::Half => Pace::Still,
            Pace::Still => return None,
        };
        if self.repaced_at.is_some_and(|at| now.since(at) < BLAMED_FOR) {
            self.pace_patience = (self.pace_patience * 2).min(MOST_PATIENCE);
        }
        self.change(
            now,
            Advice {
                pace,
                ..self.advice
            },
            Why::Pace,
        )
    }

    fn more_frames(&mut self, now: MediaTime, calm_for: Duration) -> Option<Change> {
        let patience = match self.failed {
            Some(_) => self.pace_patience,
            None => RAMP_EVERY,
        };
        if calm_for.min(now.since(self.changed_at)) < patience {
            return None;
        }
        let pace = match self.advice.pace {
            Pace::Still => Pace::Half,
            Pace::Half | Pace::Full => Pace::Full,
        };
        self.repaced_at = Some(now);
        self.change(
            now,
            Advice {
                pace,
                ..self.advice
            },
            Why::Pace,
        )
    }

    /// Until when a change, or a beginning, has not shown what it does.
    fn hold_until(&self) -> MediaTime {
        let round_trip = Duration::from_secs_f64(self.link.base_round_trip.min(1.0));
        self.changed_at + CUT_SHOWS_AFTER.max(round_trip * 2)
    }

    fn why_down(&self, carried: f64) -> Why {
        let unseen = self.link.network_delay > self.link.own_delay;
        if unseen {
            Why::Delay(carried)
        } else {
            Why::Carries(carried)
        }
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

impl RateLimits {
    fn within(&self, video: Bitrate) -> Bitrate {
        video.max(self.floor).min(self.ceiling)
    }
}

/// The part of what the way carries that is used: the rest lets key frames through.
const SHARE: f64 = 0.92;
/// Never less of it, however much waits: viewers see a deep cut for longer than a short delay.
const LEAST_SHARE: f64 = 0.5;
/// In how many seconds what waits is to be gone.
const EMPTY_WITHIN: f64 = 2.0;
/// Waiting for so many seconds is nothing; what key frames explain comes on top.
const BEARABLE_DELAY: f64 = 0.2;
/// Never being emptier than this is congestion, if a slow one.
const STANDING_DELAY: f64 = 0.1;
/// Having been as empty as this lately is health.
const CALM_DELAY: f64 = 0.05;
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
/// How often and by which factor the rate rises where nothing stands against it.
const RAMP_EVERY: Duration = Duration::from_secs(1);
const RAMP: f64 = 1.3;
/// By which part of the ceiling at least.
const LEAST_RAMP: f64 = 0.1;
/// A raise goes no further than this beyond what is delivered: twice the one, or the other.
const MOST_RAISE: f64 = 1.7;
const MOST_RAISE_BPS: f64 = 1_000_000.0;
/// An encoder that makes less than this part of what is ordered shows nothing of the way.
const USED_PART: f64 = 0.75;
/// How long what failed is respected before it is tried again, at first and at most.
const PATIENCE: Duration = Duration::from_secs(6);
const MOST_PATIENCE: Duration = Duration::from_secs(32);
/// A way that carries less than this part of what it did is another one.
const SAME_WAY: f64 = 0.8;
/// How far such a try goes beyond what the way carried: enough to show soon whether it fails.
const BEYOND: f64 = 1.08;
/// After so long a try has not failed.
const PROVEN_AFTER: Duration = Duration::from_secs(4);
/// Failures so soon after a change are that change's.
const BLAMED_FOR: Duration = Duration::from_secs(10);
/// A burst that is delivered so much faster than a full way did shows that there is more room.
/// If it did not, the next one must be faster still.
const FASTER: f64 = 1.15;
const MOST_FASTER: f64 = 2.5;
/// How long the floor must have been too much before frames are left out, and how long before they are tried
/// again.
const FEWER_AFTER: Duration = Duration::from_millis(1_500);
const PACE_PATIENCE: Duration = Duration::from_secs(4);
/// Bitrates are advised in steps of so many bits per second; finer where a step would be much.
const STEP: f64 = 50_000.0;
const FINE_STEP: f64 = 10_000.0;
const FINE_BELOW: f64 = 500_000.0;

#[cfg(test)]
mod tests;
