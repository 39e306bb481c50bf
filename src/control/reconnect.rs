//! How long is waited before the next attempt to connect where the server's own answer calls for it, and when to
//! give up. While the network is the cause there is nothing to wait for: see [`super::attempts`].

use std::time::Duration;

use crate::units::MediaTime;

/// The history of one output's attempts, from which the wait before the next one is decided.
#[derive(Clone, Debug)]
pub struct Reconnect {
    give_up_after: Option<Duration>,
    /// When it was last live, or started; `None` while live.
    not_live_since: Option<MediaTime>,
    /// When it last became live.
    live_since: Option<MediaTime>,
    /// Attempts since the link last was healthy.
    attempts: u32,
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
    /// Try again as soon as attempts may follow each other.
    Soon,
    /// Leave the server alone until then.
    Wait {
        /// Until when.
        until: MediaTime,
    },
    /// Stop trying: it is hopeless, or the name was waited for long enough.
    Stop,
}

impl Reconnect {
    /// A stream that is asked for at `now`, to be given up when it has not been live for `give_up_after`.
    #[must_use]
    pub fn new(now: MediaTime, give_up_after: Option<Duration>) -> Self {
        Self {
            give_up_after,
            not_live_since: Some(now),
            live_since: None,
            attempts: 0,
            waits_for_name: 0,
            waited_for_name: Duration::ZERO,
            pardoned: false,
        }
    }

    /// An attempt starts. Returns which one that is since the link last was healthy, from 1.
    pub fn on_start(&mut self) -> u32 {
        self.attempts = self.next_attempt();
        self.attempts
    }

    /// Which attempt comes next.
    #[must_use]
    pub fn next_attempt(&self) -> u32 {
        self.attempts.saturating_add(1)
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
            self.attempts = 0;
        }
        if was_live_for >= STEADY_AFTER {
            self.waits_for_name = 0;
            self.waited_for_name = Duration::ZERO;
        }
    }

    /// An attempt failed, or a live stream ended. `chance` is a random number from 0 to 1: it spreads
    /// attempts, so that publishers whom a server sent away do not all come back at once.
    pub fn on_failure(&mut self, now: MediaTime, trouble: Trouble, chance: f64) -> Next {
        self.on_silence(now);
        let delay = match trouble {
            Trouble::Link => return Next::Soon,
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
        let until = now + delay.mul_f64(1.0 + JITTER * (2.0 * chance.clamp(0.0, 1.0) - 1.0));
        // One more attempt may still fit in before the time to give up.
        let last = self.deadline().map(|deadline| deadline - LAST_ATTEMPT);
        let until = last
            .filter(|&last| last > now)
            .map_or(until, |last| until.min(last));
        Next::Wait { until }
    }

    /// A wait was cut short by `left`: a name was not waited for that long.
    pub fn on_hurry(&mut self, left: Duration) {
        self.waited_for_name = self.waited_for_name.saturating_sub(left);
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

    /// The delays in milliseconds that follow one name that is in use after the other.
    fn waits_for_name(reconnect: &mut Reconnect, count: usize) -> Vec<u64> {
        let mut now = seconds(0);
        let mut delays = Vec::new();
        for _ in 0..count {
            match reconnect.on_failure(now, Trouble::NameInUse, MIDDLE) {
                Next::Wait { until } => {
                    delays.push(until.as_millis() - now.as_millis());
                    now = until;
                }
                other => panic!("expected a wait, not {other:?}"),
            }
        }
        delays
    }

    fn wait_until(seconds: u64) -> Next {
        let until = MediaTime::from_millis(seconds * 1000);
        Next::Wait { until }
    }

    #[test]
    fn a_link_that_failed_is_never_waited_for() {
        let mut reconnect = Reconnect::new(seconds(0), None);
        for second in 0..10_000 {
            let next = reconnect.on_failure(seconds(second), Trouble::Link, MIDDLE);
            assert_eq!(next, Next::Soon);
        }
    }

    #[test]
    fn a_name_in_use_is_given_time_to_be_freed() {
        let mut reconnect = Reconnect::new(seconds(0), None);
        let delays = waits_for_name(&mut reconnect, 4);
        assert_eq!(delays, [2000, 3000, 5000, 5000]);
    }

    #[test]
    fn a_name_that_is_not_freed_within_two_minutes_is_refused() {
        let mut reconnect = Reconnect::new(seconds(0), None);
        reconnect.on_live(seconds(0));
        let waited: u64 = waits_for_name(&mut reconnect, 25).iter().sum();
        assert_eq!(waited, 120_000);
        let next = reconnect.on_failure(seconds(120), Trouble::NameInUse, MIDDLE);
        assert_eq!(next, Next::Stop);
    }

    #[test]
    fn a_wait_that_was_cut_short_leaves_patience() {
        let mut reconnect = Reconnect::new(seconds(0), None);
        waits_for_name(&mut reconnect, 25);
        reconnect.on_hurry(Duration::from_secs(4));
        let next = reconnect.on_failure(seconds(120), Trouble::NameInUse, MIDDLE);
        assert_eq!(next, wait_until(125));
    }

    #[test]
    fn a_minute_of_being_live_makes_patience_new_and_less_does_not() {
        let mut reconnect = Reconnect::new(seconds(0), None);
        waits_for_name(&mut reconnect, 25);
        reconnect.on_live(seconds(200));
        let next = reconnect.on_failure(seconds(259), Trouble::NameInUse, MIDDLE);
        assert_eq!(next, Next::Stop);

        reconnect.on_live(seconds(300));
        let next = reconnect.on_failure(seconds(360), Trouble::NameInUse, MIDDLE);
        assert_eq!(next, wait_until(362));
    }

    #[test]
    fn chance_spreads_a_delay_by_a_quarter() {
        for (chance, expected) in [(0.0, 1500), (1.0, 2500), (7.0, 2500)] {
            let mut reconnect = Reconnect::new(seconds(0), None);
            let next = reconnect.on_failure(seconds(0), Trouble::NameInUse, chance);
            let until = MediaTime::from_millis(expected);
            assert_eq!(next, Next::Wait { until });
        }
    }

    #[test]
    fn health_begins_the_count_of_attempts_anew_and_a_short_life_does_not() {
        let mut reconnect = Reconnect::new(seconds(0), None);
        assert_eq!([reconnect.on_start(), reconnect.on_start()], [1, 2]);
        reconnect.on_live(seconds(100));
        reconnect.on_silence(seconds(101));
        assert_eq!(reconnect.on_start(), 3);
        reconnect.on_live(seconds(200));
        reconnect.on_silence(seconds(210));
        assert_eq!(reconnect.next_attempt(), 1);
        assert_eq!(reconnect.on_start(), 1);
    }

    #[test]
    fn a_refusal_ends_it_at_once_unless_it_was_live() {
        let mut reconnect = Reconnect::new(seconds(0), None);
        let next = reconnect.on_failure(seconds(1), Trouble::Hopeless, MIDDLE);
        assert_eq!(next, Next::Stop);

        let mut reconnect = Reconnect::new(seconds(0), None);
        reconnect.on_live(seconds(1));
        let next = reconnect.on_failure(seconds(60), Trouble::Hopeless, MIDDLE);
        assert_eq!(next, wait_until(62));
        let next = reconnect.on_failure(seconds(70), Trouble::Hopeless, MIDDLE);
        assert_eq!(next, Next::Stop);
    }

    #[test]
    fn the_time_to_give_up_counts_from_when_the_stream_fell_silent() {
        let mut reconnect = Reconnect::new(seconds(0), Some(Duration::from_mins(1)));
        assert_eq!(reconnect.deadline(), Some(seconds(60)));
        reconnect.on_live(seconds(30));
        assert_eq!(reconnect.deadline(), None);
        reconnect.on_silence(seconds(100));
        reconnect.on_silence(seconds(130));
        assert_eq!(reconnect.deadline(), Some(seconds(160)));
        reconnect.on_failure(seconds(140), Trouble::Link, MIDDLE);
        assert_eq!(reconnect.deadline(), Some(seconds(160)));
    }

    #[test]
    fn the_last_attempt_is_made_where_it_still_fits_before_the_time_to_give_up() {
        let mut reconnect = Reconnect::new(seconds(0), Some(Duration::from_secs(10)));
        waits_for_name(&mut reconnect, 2);
        let next = reconnect.on_failure(seconds(8), Trouble::NameInUse, MIDDLE);
        assert_eq!(next, wait_until(9));
        // Nothing more does; it is given up meanwhile.
        let next = reconnect.on_failure(seconds(9), Trouble::NameInUse, MIDDLE);
        assert_eq!(next, wait_until(14));
    }
}
