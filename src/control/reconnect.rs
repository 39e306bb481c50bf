//! When the next attempt to connect starts, and when to give up.

use std::time::Duration;

use crate::units::MediaTime;

/// The history of one output's attempts, from which the next one is decided.
#[derive(Clone, Debug)]
pub struct Reconnect {
    give_up_after: Option<Duration>,
    /// When it was last live, or started; `None` while live.
    not_live_since: Option<MediaTime>,
    /// When it last became live.
    live_since: Option<MediaTime>,
    /// Failures since the link last was healthy.
    failures: u32,
    /// How often, and for how long, it was waited for a name to be freed since the stream last was steady.
    waits_for_name: usize,
    waited_for_name: Duration,
    /// Whether a refusal was already given a second chance since the stream was last live.
    pardoned: bool,
}

/// What kind of trouble ended an attempt or a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// The link or the server failed; it may work again any moment.
    Link,
    /// The server still holds a stream under our name, most likely our own lost one.
    NameInUse,
    /// Waiting cannot mend it.
    Hopeless,
}

/// What to do after a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// Try again.
    Retry {
        /// When.
        at: MediaTime,
        /// Which attempt since the link was last healthy, from 1.
        attempt: u32,
    },
    /// Stop trying: it is hopeless, or the name was waited for long enough.
    Stop,
    /// Stop trying: the time given is over.
    GiveUp,
}

impl Reconnect {
    /// A stream that is asked for at `now`, to be given up when it has not been live for `give_up_after`.
    #[must_use]
    pub fn new(now: MediaTime, give_up_after: Option<Duration>) -> Self {
        Self {
            give_up_after,
            not_live_since: Some(now),
            live_since: None,
            failures: 0,
            waits_for_name: 0,
            waited_for_name: Duration::ZERO,
            pardoned: false,
        }
    }

    /// The stream is live from `now` on.
    pub fn on_live(&mut self, now: MediaTime) {
        self.not_live_since = None;
        self.live_since = Some(now);
        self.pardoned = false;
    }

    /// Nothing of the stream arrives any more, though another attempt may not be needed.
    pub fn on_silence(&mut self, now: MediaTime) {
        if self.not_live_since.is_some() {
            return;
        }
        self.not_live_since = Some(now);
        let was_live_for = self
            .live_since
            .map_or(Duration::ZERO, |since| now.since(since));
        if was_live_for >= HEALTHY_AFTER {
            self.failures = 0;
        }
        if was_live_for >= STEADY_AFTER {
            self.waits_for_name = 0;
            self.waited_for_name = Duration::ZERO;
        }
    }

    /// An attempt failed, or a live stream ended. `chance` is a random number from 0 to 1: it spreads
    /// attempts, so that after a server's restart its publishers do not come all at once.
    pub fn on_failure(&mut self, now: MediaTime, trouble: Trouble, chance: f64) -> Next {
        self.on_silence(now);
        let delay = match trouble {
            Trouble::Link => nth(
                &LINK_DELAYS,
                usize::try_from(self.failures).unwrap_or(usize::MAX),
            ),
            Trouble::NameInUse if self.waited_for_name < LONGEST_WAIT_FOR_NAME => {
                let delay = nth(&NAME_IN_USE_DELAYS, self.waits_for_name);
                self.waits_for_name += 1;
                self.waited_for_name += delay;
                delay
            }
            // Who was live knows that address and key are right: a server that is restarting may refuse for
            // a moment, so a first refusal is not yet believed.
            Trouble::Hopeless if self.live_since.is_some() && !self.pardoned => {
                self.pardoned = true;
                NAME_IN_USE_DELAYS[0]
            }
            Trouble::NameInUse | Trouble::Hopeless => return Next::Stop,
        };
        let mut at = now + delay.mul_f64(1.0 + JITTER * (2.0 * chance.clamp(0.0, 1.0) - 1.0));
        if let Some(deadline) = self.deadline().filter(|&deadline| at >= deadline) {
            // One more attempt may still fit in.
            at = deadline - LAST_ATTEMPT;
            if at <= now {
                return Next::GiveUp;
            }
        }
        self.failures = self.failures.saturating_add(1);
        Next::Retry {
            at,
            attempt: self.failures,
        }
    }

    /// When to give up unless live before; `None` while live, or if never.
    #[must_use]
    pub fn deadline(&self) -> Option<MediaTime> {
        Some(self.not_live_since? + self.give_up_after?)
    }

    /// Whether it ever was live.
    #[must_use]
    pub fn was_live(&self) -> bool {
        self.live_since.is_some()
    }
}

fn nth(delays: &[Duration], step: usize) -> Duration {
    delays[step.min(delays.len() - 1)]
}

/// How long a link must have been live for its failures to be forgotten.
const HEALTHY_AFTER: Duration = Duration::from_secs(10);

/// How long a stream must have been live before a name is waited for anew as long as at first: a stream that
/// comes and goes is no lost session of ours.
const STEADY_AFTER: Duration = Duration::from_mins(1);

/// Delays before each attempt when the link failed: the first almost at once, as most drops are short.
const LINK_DELAYS: [Duration; 5] = [
    Duration::from_millis(200),
    Duration::from_secs(1),
    Duration::from_secs(2),
    Duration::from_secs(4),
    Duration::from_secs(5),
];

/// Delays while a server holds our lost session: they let go after 7 s (SRS) to 90 s (nginx).
const NAME_IN_USE_DELAYS: [Duration; 3] = [
    Duration::from_secs(2),
    Duration::from_secs(3),
    Duration::from_secs(5),
];

/// How long a name is waited for in all: the slowest server known (nginx) lets go after 90 s.
pub const LONGEST_WAIT_FOR_NAME: Duration = Duration::from_mins(2);

/// What the last attempt before the time to give up is left for getting live.
const LAST_ATTEMPT: Duration = Duration::from_secs(1);

/// By which part a delay is shortened or lengthened at random.
const JITTER: f64 = 0.25;

#[cfg(test)]
mod tests {
    use super::*;

    const MIDDLE: f64 = 0.5;

    fn seconds(seconds: u64) -> MediaTime {
        MediaTime::from_millis(seconds * 1000)
    }

    /// The delays in milliseconds that follow one failure after the other.
    fn delays(reconnect: &mut Reconnect, trouble: Trouble, count: usize) -> Vec<u64> {
        let mut now = seconds(0);
        let mut delays = Vec::new();
        for _ in 0..count {
            match reconnect.on_failure(now, trouble, MIDDLE) {
                Next::Retry { at, .. } => {
                    delays.push(at.as_millis() - now.as_millis());
                    now = at;
                }
                other => panic!("expected a retry, not {other:?}"),
            }
        }
        delays
    }

    #[test]
    fn delays_grow_from_almost_nothing_to_five_seconds() {
        let mut reconnect = Reconnect::new(seconds(0), None);
        assert_eq!(
            delays(&mut reconnect, Trouble::Link, 7),
            [200, 1000, 2000, 4000, 5000, 5000, 5000]
        );
    }

    #[test]
    fn a_name_in_use_is_given_time_to_be_freed() {
        let mut reconnect = Reconnect::new(seconds(0), None);
        assert_eq!(
            delays(&mut reconnect, Trouble::NameInUse, 4),
            [2000, 3000, 5000, 5000]
        );
    }

    #[test]
    fn a_name_is_waited_for_from_the_first_step_on_whatever_failed_before() {
        let mut reconnect = Reconnect::new(seconds(0), None);
        delays(&mut reconnect, Trouble::Link, 4);
        assert_eq!(
            delays(&mut reconnect, Trouble::NameInUse, 3),
            [2000, 3000, 5000]
        );
    }

    #[test]
    fn a_name_that_is_not_freed_within_two_minutes_is_refused() {
        let mut reconnect = Reconnect::new(seconds(0), None);
        reconnect.on_live(seconds(0));
        let waited: u64 = delays(&mut reconnect, Trouble::NameInUse, 25).iter().sum();
        assert_eq!(waited, 120_000);
        let next = reconnect.on_failure(seconds(120), Trouble::NameInUse, MIDDLE);
        assert_eq!(next, Next::Stop);
    }

    #[test]
    fn a_minute_of_being_live_makes_patience_new_and_less_does_not() {
        let mut reconnect = Reconnect::new(seconds(0), None);
        delays(&mut reconnect, Trouble::NameInUse, 25);
        reconnect.on_live(seconds(200));
        let next = reconnect.on_failure(seconds(259), Trouble::NameInUse, MIDDLE);
        assert_eq!(next, Next::Stop);

        reconnect.on_live(seconds(300));
        let next = reconnect.on_failure(seconds(360), Trouble::NameInUse, MIDDLE);
        let at = seconds(362);
        assert_eq!(next, Next::Retry { at, attempt: 1 });
    }

    #[test]
    fn chance_spreads_a_delay_by_a_quarter() {
        for (chance, expected) in [(0.0, 150), (1.0, 250), (7.0, 250)] {
            let mut reconnect = Reconnect::new(seconds(0), None);
            let next = reconnect.on_failure(seconds(0), Trouble::Link, chance);
            let at = MediaTime::from_millis(expected);
            assert_eq!(next, Next::Retry { at, attempt: 1 });
        }
    }

    #[test]
    fn health_forgets_failures_and_a_short_life_does_not() {
        let mut reconnect = Reconnect::new(seconds(0), None);
        delays(&mut reconnect, Trouble::Link, 4);
        reconnect.on_live(seconds(100));
        let next = reconnect.on_failure(seconds(101), Trouble::Link, MIDDLE);
        let at = seconds(106);
        assert_eq!(next, Next::Retry { at, attempt: 5 });

        reconnect.on_live(seconds(200));
        let next = reconnect.on_failure(seconds(210), Trouble::Link, MIDDLE);
        let at = seconds(210) + Duration::from_millis(200);
        assert_eq!(next, Next::Retry { at, attempt: 1 });
    }

    #[test]
    fn a_refusal_ends_it_at_once_unless_it_was_live() {
        let mut reconnect = Reconnect::new(seconds(0), None);
        let next = reconnect.on_failure(seconds(1), Trouble::Hopeless, MIDDLE);
        assert_eq!(next, Next::Stop);

        let mut reconnect = Reconnect::new(seconds(0), None);
        reconnect.on_live(seconds(1));
        let next = reconnect.on_failure(seconds(60), Trouble::Hopeless, MIDDLE);
        assert!(matches!(next, Next::Retry { .. }), "{next:?}");
        let next = reconnect.on_failure(seconds(70), Trouble::Hopeless, MIDDLE);
        assert_eq!(next, Next::Stop);
    }

    #[test]
    fn gives_up_when_not_live_for_as_long_as_was_asked() {
        let mut reconnect = Reconnect::new(seconds(0), Some(Duration::from_mins(1)));
        assert_eq!(reconnect.deadline(), Some(seconds(60)));
        reconnect.on_live(seconds(30));
        assert_eq!(reconnect.deadline(), None);
        let next = reconnect.on_failure(seconds(100), Trouble::Link, MIDDLE);
        assert!(matches!(next, Next::Retry { .. }), "{next:?}");
        assert_eq!(reconnect.deadline(), Some(seconds(160)));
        let next = reconnect.on_failure(seconds(159), Trouble::Link, MIDDLE);
        assert_eq!(next, Next::GiveUp);
    }

    #[test]
    fn the_time_to_give_up_counts_from_when_the_stream_fell_silent() {
        let mut reconnect = Reconnect::new(seconds(0), Some(Duration::from_mins(1)));
        delays(&mut reconnect, Trouble::Link, 3);
        reconnect.on_live(seconds(30));
        reconnect.on_silence(seconds(100));
        reconnect.on_silence(seconds(130));
        assert_eq!(reconnect.deadline(), Some(seconds(160)));
        let next = reconnect.on_failure(seconds(140), Trouble::Link, MIDDLE);
        let at = seconds(140) + LINK_DELAYS[0];
        assert_eq!(next, Next::Retry { at, attempt: 1 });
        assert_eq!(reconnect.deadline(), Some(seconds(160)));
    }

    #[test]
    fn the_last_attempt_is_made_where_it_still_fits_before_the_time_to_give_up() {
        let mut reconnect = Reconnect::new(seconds(0), Some(Duration::from_secs(10)));
        delays(&mut reconnect, Trouble::Link, 4); // up to 7.2 s
        let next = reconnect.on_failure(seconds(8), Trouble::Link, MIDDLE);
        let at = seconds(9);
        assert_eq!(next, Next::Retry { at, attempt: 5 });
        let next = reconnect.on_failure(seconds(9), Trouble::Link, MIDDLE);
        assert_eq!(next, Next::GiveUp);
    }
}
