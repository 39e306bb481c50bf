//! What the video encoder is told to make: what the followed uplink carries, within what the user allows. And
//! what is told of it: few lines, for the uplink may change its mind often.

use std::time::Duration;

use super::{
    event::{Cause, Decision, Severity},
    publishing::span,
};
use crate::{
    control::bitrate::{Advice, Change, Pace, RateLimits},
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
    /// Since when it is full again, which is told once it has stayed.
    full_since: Option<MediaTime>,
    /// What was told last, and when.
    told: Option<(Advice, MediaTime)>,
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
        self.story.full_since = None;
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
    /// known; the rest may be told later, by [`Orders::tick`]. What differs little from what was told last is not
    /// told: so are the tries, every few seconds, whether an uplink carries more.
    pub fn tell(&mut self, change: Option<&Change>, now: MediaTime) -> Option<Decision> {
        if let Some(change) = change {
            tracing::debug!("{}", change.reason);
        }
        if self.current == full(self.limits) {
            self.story.full_since = Some(now);
            self.story.untold = None;
            return None;
        }
        self.story.full_since = None;
        let begins = self.story.reduced_since.is_none();
        self.story.reduced_since.get_or_insert(now);
        if !begins && self.story.knows(self.current) {
            self.story.untold = None;
            return None;
        }
        let decision = describe(self.current, change, now);
        let better = change.is_some_and(|change| change.better);
        let pause = if better { CLIMB_PAUSE } else { CUT_PAUSE };
        if begins || self.current.pace != Pace::Full || self.story.is_due(now, pause) {
            return Some(self.story.told(self.current, decision, now));
        }
        self.story.untold = Some(decision);
        None
    }

    /// The stream is over: what is told of the next one begins anew.
    pub fn end_story(&mut self) {
        self.story = Story::default();
    }

    /// What waited long enough to be told.
    pub fn tick(&mut self, now: MediaTime) -> Option<Decision> {
        if let Some(since) = self.story.full_since
            && now.since(since) >= FULL_HOLDS_AFTER
        {
            return self.tell_of_full_quality(since, now);
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
        Some(self.story.told(self.current, decision, now))
    }

    fn tell_of_full_quality(&mut self, since: MediaTime, now: MediaTime) -> Option<Decision> {
        let video = self.current.video;
        let reduced = since.since(std::mem::take(&mut self.story).reduced_since?);
        let text = format!("Full quality again: {video}, after {}", span(reduced));
        let decision = Decision::new(now, Severity::Good, Cause::Uplink, text);
        Some(decision.with_figures([
            ("bitrate_kbps", f64::from(video.kbps())),
            ("reduced_s", reduced.as_secs_f64()),
        ]))
    }

    /// The bitrate to tell viewers, when it is another one than they were told of and that was a while ago.
    pub fn announcement(&mut self, now: MediaTime) -> Option<Bitrate> {
        let (told, at) = self.announced;
        let video = self.current.video;
        let is_full = self.current == full(self.limits);
        let is_news = !alike(told, video) || (is_full && told != video);
        if !is_news || now.since(at) < ANNOUNCE_PAUSE {
            return None;
        }
        self.announced = (video, now);
        Some(video)
    }
}

impl Story {
    fn is_due(&self, now: MediaTime, pause: Duration) -> bool {
        self.told.is_none_or(|(_, at)| now.since(at) >= pause)
    }

    /// Whether `order` is about what was told last.
    fn knows(&self, order: Advice) -> bool {
        self.told
            .is_some_and(|(told, _)| told.pace == order.pace && alike(told.video, order.video))
    }

    fn told(&mut self, order: Advice, decision: Decision, now: MediaTime) -> Decision {
        self.told = Some((order, now));
        self.untold = None;
        decision
    }
}

/// Whether nobody sees the difference.
fn alike(one: Bitrate, other: Bitrate) -> bool {
    f64::from(one.max(other).bps()) < f64::from(one.min(other).bps()) * ANOTHER
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

/// A bitrate that is so many times another is worth telling; what is tried on a full uplink is less.
const ANOTHER: f64 = 1.25;
/// Full quality that has stayed for so long was not only tried.
const FULL_HOLDS_AFTER: Duration = Duration::from_secs(10);
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
        let change = Change {
            advice: advice(kbps),
            better: kbps > orders.current().video.kbps(),
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
        assert_eq!(wants(&mut orders, 6000, 41_000), None);
        assert!(orders.tick(at(50_900)).is_none());
        let end = orders.tick(at(51_000)).unwrap().text;
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
    fn what_is_tried_and_taken_back_is_not_told_but_what_comes_of_it() {
        let mut orders = Orders::new(LIMITS, at(0));
        assert_eq!(wants(&mut orders, 5400, 1000).unwrap(), "5400");
        assert_eq!(wants(&mut orders, 4800, 2000), None);
        assert_eq!(orders.announcement(at(10_000)), Some(advice(4800).video));
        let mut announced = 0;
        for number in 2..20 {
            let now = 1000 + number * 8000;
            assert_eq!(wants(&mut orders, 6000, now), None);
            announced += u32::from(orders.announcement(at(now + 1900)).is_some());
            assert!(orders.tick(at(now + 1900)).is_none());
            assert_eq!(wants(&mut orders, 4900, now + 2000), None);
            announced += u32::from(orders.announcement(at(now + 7900)).is_some());
            assert!(orders.tick(at(now + 7900)).is_none());
        }
        assert!(announced <= 1, "{announced}");
        assert_eq!(wants(&mut orders, 6000, 170_000), None);
        assert!(orders.tick(at(179_900)).is_none());
        let end = orders.tick(at(180_000)).unwrap();
        assert_eq!(end.text, "Full quality again: 6,000 kb/s, after 2 min 49 s");
        assert!(orders.tick(at(199_000)).is_none());
    }

    #[test]
    fn a_cut_that_is_over_before_it_was_told_is_told_no_more() {
        let mut orders = Orders::new(LIMITS, at(0));
        assert_eq!(wants(&mut orders, 4000, 1000).unwrap(), "4000");
        assert_eq!(wants(&mut orders, 2000, 1300), None);
        assert_eq!(wants(&mut orders, 6000, 3000), None);
        assert!(orders.tick(at(12_900)).is_none());
        let end = orders.tick(at(13_000)).unwrap().text;
        assert_eq!(end, "Full quality again: 6,000 kb/s, after 2.0 s");
    }

    #[test]
    fn a_decline_in_small_steps_is_told_when_it_has_become_one() {
        let mut orders = Orders::new(LIMITS, at(0));
        assert_eq!(wants(&mut orders, 4000, 1000).unwrap(), "4000");
        let kbps = (1..20_u32).map(|step| 4000 - step * 100);
        let told = kbps.filter_map(|kbps| {
            let now = u64::from(5000 - kbps) * 100;
            wants(&mut orders, kbps, now)
        });
        assert_eq!(told.collect::<Vec<_>>(), ["3200", "2500"]);
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
        assert_eq!(wants(&mut orders, 6000, 95_000), None);
        let end = orders.tick(at(105_000)).unwrap().text;
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
