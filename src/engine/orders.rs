//! What the video encoder is told to make: what the followed uplink carries, within what the user allows. And
//! what is told of it: few lines, for the uplink may change its mind often.

use std::time::Duration;

use super::{
    event::{Cause, Decision, Severity},
    publishing::span,
};
use crate::{
    control::bitrate::{Advice, Change, Pace, RateLimits, TRIAL_SHOWS_WITHIN},
    units::{Bitrate, MediaTime},
};

/// The orders for one run of the video encoder.
pub struct Orders {
    limits: RateLimits,
    current: Advice,
    story: Story,
    /// The bitrate that viewers were told of, and when.
    announced: (Bitrate, MediaTime),
}

/// What was told, and what is still to be.
#[derive(Default)]
struct Story {
    /// Since when the picture has less than its full quality.
    reduced_since: Option<MediaTime>,
    told_at: Option<MediaTime>,
    /// When the last trial of more began, if it was not taken back.
    trial_at: Option<MediaTime>,
    /// Waits, so that not every step is told.
    untold: Option<Decision>,
}

impl Orders {
    /// Full quality, as far as the user allows.
    #[must_use]
    pub fn new(limits: RateLimits, now: MediaTime) -> Self {
        Self {
            limits,
            current: full(limits),
            story: Story::default(),
            announced: (limits.ceiling, now),
        }
    }

    /// What the encoder is told.
    #[must_use]
    pub fn current(&self) -> Advice {
        self.current
    }

    /// What the user allows.
    #[must_use]
    pub fn limits(&self) -> RateLimits {
        self.limits
    }

    /// The user allows something else; then `advice` is followed as by [`Orders::follow`]. What was told before
    /// is no news under these limits, and where it all is within them, nothing is reduced any more.
    pub fn set_limits(&mut self, limits: RateLimits, advice: Option<Advice>) -> bool {
        self.limits = limits;
        let is_news = self.follow(advice);
        self.story.untold = None;
        if self.current == full(limits) {
            self.end_story();
        }
        is_news
    }

    /// Follows `advice`, if it can be followed; without any, there is no uplink to follow. Whether the encoder
    /// is to be told something else comes back.
    pub fn follow(&mut self, advice: Option<Advice>) -> bool {
        let full = full(self.limits);
        let wanted = match advice {
            Some(advice) if self.limits.adaptive => Advice {
                video: advice.video.max(self.limits.floor).min(full.video),
                pace: advice.pace,
            },
            _ => full,
        };
        std::mem::replace(&mut self.current, wanted) != wanted
    }

    /// What is to be told now of an order that has just changed, for the reason that `change` gives if it is
    /// known; the rest may be told later, by [`Orders::tick`].
    pub fn tell(&mut self, change: Option<&Change>, now: MediaTime) -> Option<Decision> {
        if let Some(change) = change.filter(|change| change.trial) {
            tracing::debug!("{}", change.reason);
            self.story.trial_at = change.better.then_some(now);
            return None;
        }
        self.story.trial_at = None;
        if self.current == full(self.limits) {
            return self.tell_of_full_quality(now);
        }
        let pace = self.current.pace;
        let begins = self.story.reduced_since.is_none();
        self.story.reduced_since.get_or_insert(now);
        let decision = describe(self.current, change, now);
        let better = change.is_some_and(|change| change.better);
        let pause = if better { CLIMB_PAUSE } else { CUT_PAUSE };
        if begins || pace != Pace::Full || self.story.is_due(now, pause) {
            return Some(self.story.told(decision, now));
        }
        self.story.untold = Some(decision);
        None
    }

    fn tell_of_full_quality(&mut self, now: MediaTime) -> Option<Decision> {
        let video = self.current.video;
        let since = std::mem::take(&mut self.story).reduced_since?;
        let text = format!(
            "Full quality again: {video}, after {}",
            span(now.since(since))
        );
        let decision = Decision::new(now, Severity::Good, Cause::Uplink, text);
        Some(decision.with_figures([
            ("bitrate_kbps", f64::from(video.kbps())),
            ("reduced_s", now.since(since).as_secs_f64()),
        ]))
    }

    /// The stream is over: what is told of the next one begins anew.
    pub fn end_story(&mut self) {
        self.story = Story::default();
    }

    /// What waited long enough to be told.
    pub fn tick(&mut self, now: MediaTime) -> Option<Decision> {
        if self.current == full(self.limits) && self.story.trial_holds(now) {
            return self.tell_of_full_quality(now);
        }
        let untold = self.story.untold.as_ref()?;
        let pause = if untold.severity == Severity::Info {
            CLIMB_PAUSE
        } else {
            CUT_PAUSE
        };
        if !self.story.is_due(now, pause) {
            return None;
        }
        let decision = self.story.untold.take()?;
        Some(self.story.told(decision, now))
    }

    /// The bitrate to tell viewers, when it is another one than they were told of and that was a while ago.
    pub fn announcement(&mut self, now: MediaTime) -> Option<Bitrate> {
        let (told, at) = self.announced;
        let video = self.current.video;
        let is_on_trial = self.story.trial_at.is_some() && !self.story.trial_holds(now);
        if told == video || is_on_trial || now.since(at) < ANNOUNCE_PAUSE {
            return None;
        }
        self.announced = (video, now);
        Some(video)
    }
}

impl Story {
    /// Whether a trial of more was made and not taken back in time.
    fn trial_holds(&self, now: MediaTime) -> bool {
        self.trial_at
            .is_some_and(|at| now.since(at) >= TRIAL_SHOWS_WITHIN)
    }

    fn is_due(&self, now: MediaTime, pause: Duration) -> bool {
        self.told_at.is_none_or(|at| now.since(at) >= pause)
    }

    fn told(&mut self, decision: Decision, now: MediaTime) -> Decision {
        self.told_at = Some(now);
        self.untold = None;
        decision
    }
}

fn full(limits: RateLimits) -> Advice {
    Advice {
        video: limits.ceiling,
        pace: Pace::Full,
    }
}

fn describe(order: Advice, change: Option<&Change>, now: MediaTime) -> Decision {
    let bitrate = ("bitrate_kbps", f64::from(order.video.kbps()));
    let Some(change) = change else {
        let text = format!(
            "The picture is sent with {} now: another destination decides",
            order.video
        );
        return Decision::new(now, Severity::Info, Cause::Uplink, text).with_figures([bitrate]);
    };
    let severity = if change.better {
        Severity::Info
    } else {
        Severity::Warning
    };
    let figures = change.figures.iter().map(|it| (it.name, it.value));
    let known = change.figures.iter().any(|it| it.name == bitrate.0);
    let decision = Decision::new(now, severity, Cause::Uplink, change.reason.clone());
    decision.with_figures(figures.chain((!known).then_some(bitrate)))
}

/// While the bitrate climbs back, a line is told this often.
const CLIMB_PAUSE: Duration = Duration::from_secs(10);
/// A cut is told at once; those that follow it, this often.
const CUT_PAUSE: Duration = Duration::from_secs(3);
/// Some players stumble over metadata, and nobody needs a figure that is that new.
const ANNOUNCE_PAUSE: Duration = Duration::from_secs(10);

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: RateLimits = RateLimits {
        floor: Bitrate::from_kbps(600),
        ceiling: Bitrate::from_kbps(6000),
        adaptive: true,
    };

    fn at(millis: u64) -> MediaTime {
        MediaTime::from_millis(millis)
    }

    fn advice(kbps: u32) -> Advice {
        Advice {
            video: Bitrate::from_kbps(kbps),
            pace: Pace::Full,
        }
    }

    /// The uplink wants `kbps` at `millis`; what is told of it at once.
    fn wants(orders: &mut Orders, kbps: u32, millis: u64) -> Option<String> {
        follow(orders, kbps, millis, false)
    }

    /// The uplink is tried with `kbps` at `millis`, or that is taken back; what is told of it at once.
    fn tries(orders: &mut Orders, kbps: u32, millis: u64) -> Option<String> {
        follow(orders, kbps, millis, true)
    }

    fn follow(orders: &mut Orders, kbps: u32, millis: u64, trial: bool) -> Option<String> {
        let change = Change {
            advice: advice(kbps),
            better: kbps > orders.current().video.kbps(),
            trial,
            reason: format!("{kbps}"),
            figures: Vec::new(),
        };
        assert!(orders.follow(Some(change.advice)), "it is news");
        Some(orders.tell(Some(&change), at(millis))?.text)
    }

    #[test]
    fn a_cut_is_told_at_once_the_climb_every_ten_seconds_and_its_end() {
        let mut orders = Orders::new(LIMITS, at(0));
        let mut told = vec![(1000, wants(&mut orders, 2000, 1000).unwrap())];
        for step in 1..80 {
            let now = 1000 + step * 500;
            let text = wants(&mut orders, 2000 + 50 * u32::try_from(step).unwrap(), now);
            told.extend(text.map(|text| (now, text)));
            told.extend(orders.tick(at(now)).map(|it| (now, it.text)));
        }
        let end = wants(&mut orders, 6000, 41_000).unwrap();
        let expected = [
            (1000, "2000"),
            (11_000, "3000"),
            (21_000, "4000"),
            (31_000, "5000"),
        ];
        let expected = expected.map(|(millis, text)| (millis, text.to_owned()));
        assert_eq!(told, expected);
        assert_eq!(end, "Full quality again: 6,000 kb/s, after 40.0 s");
        assert!(orders.tick(at(99_000)).is_none());
    }

    #[test]
    fn cuts_in_a_row_are_told_as_the_first_and_the_last() {
        let mut orders = Orders::new(LIMITS, at(0));
        assert_eq!(wants(&mut orders, 4000, 1000).unwrap(), "4000");
        assert_eq!(wants(&mut orders, 3000, 1300), None);
        assert_eq!(wants(&mut orders, 2000, 1600), None);
        assert!(orders.tick(at(3900)).is_none());
        assert_eq!(orders.tick(at(4000)).unwrap().text, "2000");
        assert!(orders.tick(at(60_000)).is_none());
    }

    #[test]
    fn trials_are_not_told_but_what_comes_of_them() {
        let mut orders = Orders::new(LIMITS, at(0));
        assert_eq!(wants(&mut orders, 4000, 1000).unwrap(), "4000");
        for trial in 1..20 {
            let now = 1000 + trial * 8000;
            assert_eq!(tries(&mut orders, 6000, now), None);
            assert!(orders.tick(at(now + 1900)).is_none());
            assert_eq!(orders.announcement(at(now + 1900)), None);
            assert_eq!(tries(&mut orders, 4000, now + 2000), None);
            assert!(orders.tick(at(now + 7900)).is_none());
        }
        assert_eq!(tries(&mut orders, 6000, 170_000), None);
        assert!(orders.tick(at(174_900)).is_none());
        let end = orders.tick(at(175_000)).unwrap();
        assert_eq!(end.text, "Full quality again: 6,000 kb/s, after 2 min 54 s");
        assert!(orders.tick(at(199_000)).is_none());
    }

    #[test]
    fn no_advice_leaves_the_limits_of_the_user() {
        let mut orders = Orders::new(LIMITS, at(0));
        assert!(orders.follow(Some(advice(100))));
        assert_eq!(orders.current(), advice(600));
        assert!(orders.follow(Some(advice(9000))));
        assert_eq!(orders.current(), advice(6000));
        let fixed = RateLimits::fixed(Bitrate::from_kbps(3000));
        assert!(orders.set_limits(fixed, Some(advice(700))));
        assert_eq!(orders.current(), advice(3000));
    }

    #[test]
    fn a_cut_that_ended_with_other_limits_is_not_told_of_later() {
        let mut orders = Orders::new(LIMITS, at(0));
        assert_eq!(wants(&mut orders, 4000, 1000).unwrap(), "4000");
        assert_eq!(wants(&mut orders, 3000, 1300), None);
        let fixed = RateLimits::fixed(Bitrate::from_kbps(5000));
        assert!(orders.set_limits(fixed, Some(advice(3000))));
        assert!(orders.tick(at(60_000)).is_none());
        assert!(!orders.set_limits(LIMITS, Some(advice(5000))));
        assert_eq!(wants(&mut orders, 2000, 90_000).unwrap(), "2000");
        let end = wants(&mut orders, 6000, 95_000).unwrap();
        assert_eq!(end, "Full quality again: 6,000 kb/s, after 5.0 s");
    }

    #[test]
    fn viewers_are_told_of_a_new_bitrate_every_ten_seconds_at_most() {
        let mut orders = Orders::new(LIMITS, at(0));
        assert_eq!(orders.announcement(at(20_000)), None);
        orders.follow(Some(advice(2000)));
        assert_eq!(orders.announcement(at(20_500)), Some(advice(2000).video));
        orders.follow(Some(advice(1000)));
        assert_eq!(orders.announcement(at(30_000)), None);
        assert_eq!(orders.announcement(at(30_500)), Some(advice(1000).video));
    }
}
