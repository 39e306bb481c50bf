//! Which of two servers a stream goes to, when one of them fails.
//!
//! ```text
//! cold   first   x x .   x   .   x ...   from the third attempt or 5 s on, every other one goes to the backup
//!        backup      x   .   x   .
//! warm   first   ----- silent: key frame wanted
//!        backup  ready, held -> | key frame --------------------------------------->
//! return first                           ready, held for 30 s -> | key frame ------->
//! ```

use std::time::Duration;

use crate::units::MediaTime;

/// One of the two servers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Place {
    /// The one that the user named first.
    #[default]
    Primary,
    /// The one for when that fails.
    Backup,
}

impl Place {
    /// The other one.
    #[must_use]
    pub const fn other(self) -> Self {
        match self {
            Self::Primary => Self::Backup,
            Self::Backup => Self::Primary,
        }
    }
}

/// What the user wants done with the backup.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Plan {
    /// A connection is kept ready where the stream is not.
    pub warm: bool,
    /// The stream goes back once the primary has been well for a while.
    pub return_to_primary: bool,
}

/// What is known of the connection that is kept ready at the other place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standby {
    /// Since when it is ready.
    pub ready_since: MediaTime,
    /// When something that was sent over it last is known to have arrived.
    pub alive_at: MediaTime,
}

/// The history of one stream with two servers, or with one alone.
#[derive(Clone, Debug)]
pub struct Failover {
    /// `None` when there is no backup.
    plan: Option<Plan>,
    /// Where the stream is live, or was last; the primary before that.
    home: Place,
    /// Where the last attempt went.
    tried: Option<Place>,
    /// Failures in a row since the stream was live.
    failures: u32,
    /// Since when the stream is not live.
    dark_since: Option<MediaTime>,
    /// Where it is tried no more.
    hopeless: Option<Place>,
    /// When the stream last returned to the primary.
    returned_at: Option<MediaTime>,
    /// How often in a row it had to leave soon after.
    regrets: u32,
}

impl Failover {
    /// A stream that is asked for at `now`, with a backup if there is a `plan` for it.
    #[must_use]
    pub const fn new(now: MediaTime, plan: Option<Plan>) -> Self {
        Self {
            plan,
            home: Place::Primary,
            tried: None,
            failures: 0,
            dark_since: Some(now),
            hopeless: None,
            returned_at: None,
            regrets: 0,
        }
    }

    /// Where the stream is live, or was last.
    #[must_use]
    pub const fn home(&self) -> Place {
        self.home
    }

    /// Where the attempt goes that begins now.
    pub fn next_attempt(&mut self, now: MediaTime) -> Place {
        let dark_for = self.dark_since.map_or(Duration::ZERO, |at| now.since(at));
        let place = match (self.plan, self.hopeless, self.tried) {
            (None, ..) => Place::Primary,
            (_, Some(hopeless), _) => hopeless.other(),
            (.., Some(tried)) if self.failures >= PATIENCE_FAILURES || dark_for >= PATIENCE => {
                tried.other()
            }
            _ => self.home,
        };
        self.tried = Some(place);
        place
    }

    /// An attempt failed, or the stream broke off.
    pub fn on_failure(&mut self, now: MediaTime) {
        self.on_silence(now);
        self.failures = self.failures.saturating_add(1);
    }

    /// Nothing arrives any more.
    pub fn on_silence(&mut self, now: MediaTime) {
        self.dark_since.get_or_insert(now);
    }

    /// Waiting cannot mend it at `place`. Says whether the other server is left.
    pub fn on_hopeless(&mut self, place: Place) -> bool {
        let other_is_left = self.plan.is_some() && self.hopeless != Some(place.other());
        self.hopeless = Some(place);
        other_is_left
    }

    /// The stream is live at `place`.
    pub fn on_live(&mut self, now: MediaTime, place: Place) {
        if place != self.home {
            match place {
                Place::Primary => self.returned_at = Some(now),
                Place::Backup => self.note_regret(now),
            }
        }
        self.home = place;
        self.tried = Some(place);
        self.failures = 0;
        self.dark_since = None;
    }

    /// Where a connection is to be kept ready while the stream is live, if anywhere.
    #[must_use]
    pub fn standby_at(&self) -> Option<Place> {
        let plan = self.plan?;
        let place = self.home.other();
        let wanted = plan.warm || (plan.return_to_primary && place == Place::Primary);
        (wanted && self.hopeless != Some(place)).then_some(place)
    }

    /// Whether it is time to ask the standby connection for a sign of life: the one that carries the stream
    /// has been silent since `silent_since`.
    #[must_use]
    pub fn is_suspicious(&self, now: MediaTime, silent_since: Option<MediaTime>) -> bool {
        silent_since.is_some_and(|since| now.since(since) >= PROBED_AFTER)
    }

    /// Whether to go on over the standby connection: the one that carries the stream is silent since
    /// `silent_since`, and something arrived over the other one later than that. A fault on this computer's
    /// side silences both.
    #[must_use]
    pub fn should_switch(
        &self,
        now: MediaTime,
        silent_since: Option<MediaTime>,
        standby: Option<Standby>,
    ) -> bool {
        let (Some(since), Some(standby)) = (silent_since, standby) else {
            return false;
        };
        self.plan.is_some_and(|plan| plan.warm)
            && now.since(since) >= SWITCHED_AFTER
            && standby.alive_at > since
    }

    /// Whether to return to the primary, to which a connection is kept ready.
    #[must_use]
    pub fn should_return(&self, now: MediaTime, standby: Option<Standby>) -> bool {
        let Some(standby) = standby else {
            return false;
        };
        self.home == Place::Backup
            && self.plan.is_some_and(|plan| plan.return_to_primary)
            && now.since(standby.ready_since) >= self.well_for()
    }

    /// For how long the primary must have been well before the stream returns there: longer each time it
    /// had to leave again soon.
    #[must_use]
    pub fn well_for(&self) -> Duration {
        let factor = 1 << self.regrets.min(MOST_DOUBLINGS);
        (WELL_FOR * factor).min(LONGEST_WELL_FOR)
    }

    fn note_regret(&mut self, now: MediaTime) {
        self.regrets = match self.returned_at {
            Some(at) if now.since(at) < REGRETTED_WITHIN => self.regrets.saturating_add(1),
            _ => 0,
        };
    }
}

/// How long a standby connection that broke stays unmade, when `failures` attempts in a row brought none that
/// lasted. `chance` from 0 to 1 spreads them.
#[must_use]
pub fn standby_delay(failures: u32, chance: f64) -> Duration {
    let factor = 1 << failures.min(MOST_DOUBLINGS);
    let delay = (SHORTEST_STANDBY_DELAY * factor).min(LONGEST_STANDBY_DELAY);
    delay.mul_f64(1.0 - JITTER * chance.clamp(0.0, 1.0))
}

/// So many failures in a row, or so long without being live, are borne before the other server is tried.
const PATIENCE_FAILURES: u32 = 2;
const PATIENCE: Duration = Duration::from_secs(5);

/// For how long nothing may arrive while data waits, before the standby connection is asked for a sign of life.
/// Two losses in a row of the same TCP segment take 0.6 s at a round trip of 0 to 0.2 s.
const PROBED_AFTER: Duration = Duration::from_millis(600);
/// And for how long before it takes over.
const SWITCHED_AFTER: Duration = Duration::from_millis(800);

/// For how long the primary must be well before the stream returns, at first and at most.
const WELL_FOR: Duration = Duration::from_secs(30);
const LONGEST_WELL_FOR: Duration = Duration::from_mins(10);
/// Leaving sooner than this after a return means that it was made too early.
const REGRETTED_WITHIN: Duration = Duration::from_mins(2);
/// More doublings lead beyond every limit here.
const MOST_DOUBLINGS: u32 = 8;

/// Between attempts to make a standby connection: nothing depends on it yet.
const SHORTEST_STANDBY_DELAY: Duration = Duration::from_secs(5);
const LONGEST_STANDBY_DELAY: Duration = Duration::from_secs(30);
/// By which part such a delay is shortened at random.
const JITTER: f64 = 0.25;

#[cfg(test)]
mod tests {
    use super::{Place::*, *};

    const WARM: Plan = Plan {
        warm: true,
        return_to_primary: true,
    };
    const COLD: Plan = Plan {
        warm: false,
        return_to_primary: false,
    };

    fn seconds(seconds: u64) -> MediaTime {
        MediaTime::from_millis(seconds * 1000)
    }

    fn millis(millis: u64) -> MediaTime {
        MediaTime::from_millis(millis)
    }

    /// Where attempts go that fail one after the other, one a second from `from` on.
    fn attempts(failover: &mut Failover, from: u64, count: u64) -> Vec<Place> {
        (from..from + count)
            .map(|second| {
                let place = failover.next_attempt(seconds(second));
                failover.on_failure(seconds(second));
                place
            })
            .collect()
    }

    fn ready_since(second: u64) -> Option<Standby> {
        Some(Standby {
            ready_since: seconds(second),
            alive_at: seconds(second),
        })
    }

    #[test]
    fn without_a_backup_every_attempt_goes_to_the_one_server() {
        let mut failover = Failover::new(seconds(0), None);
        assert_eq!(attempts(&mut failover, 0, 20), [Primary; 20]);
        failover.on_live(seconds(30), Primary);
        assert_eq!(failover.standby_at(), None);
        assert!(!failover.should_switch(seconds(60), Some(seconds(40)), ready_since(50)));
        assert!(!failover.on_hopeless(Primary));
    }

    #[test]
    fn the_third_attempt_goes_to_the_backup_and_then_every_other_one() {
        let mut failover = Failover::new(seconds(0), Some(COLD));
        assert_eq!(
            attempts(&mut failover, 0, 6),
            [Primary, Primary, Backup, Primary, Backup, Primary]
        );
    }

    #[test]
    fn attempts_that_hang_are_borne_for_five_seconds() {
        let mut failover = Failover::new(seconds(0), Some(COLD));
        assert_eq!(failover.next_attempt(seconds(0)), Primary);
        assert_eq!(failover.next_attempt(seconds(4)), Primary);
        assert_eq!(failover.next_attempt(seconds(5)), Backup);
        assert_eq!(failover.next_attempt(seconds(6)), Primary);
    }

    #[test]
    fn the_server_where_the_stream_was_live_is_tried_first_again() {
        let mut failover = Failover::new(seconds(0), Some(COLD));
        attempts(&mut failover, 0, 3);
        failover.on_live(seconds(3), Backup);
        assert_eq!(failover.home(), Backup);
        failover.on_silence(seconds(100));
        assert_eq!(
            attempts(&mut failover, 100, 4),
            [Backup, Backup, Primary, Backup]
        );
    }

    #[test]
    fn a_server_that_refuses_for_good_is_left_alone_while_the_other_is_left() {
        let mut failover = Failover::new(seconds(0), Some(WARM));
        failover.next_attempt(seconds(0));
        assert!(failover.on_hopeless(Primary));
        failover.on_failure(seconds(0));
        assert_eq!(attempts(&mut failover, 1, 5), [Backup; 5]);
        failover.on_live(seconds(10), Backup);
        assert_eq!(failover.standby_at(), None);
        assert!(!failover.on_hopeless(Backup));
    }

    #[test]
    fn a_warm_backup_is_kept_ready_where_the_stream_is_not() {
        let mut failover = Failover::new(seconds(0), Some(WARM));
        failover.on_live(seconds(1), Primary);
        assert_eq!(failover.standby_at(), Some(Backup));
        failover.on_live(seconds(2), Backup);
        assert_eq!(failover.standby_at(), Some(Primary));

        let returning = Plan {
            return_to_primary: true,
            ..COLD
        };
        let mut failover = Failover::new(seconds(0), Some(returning));
        failover.on_live(seconds(1), Primary);
        assert_eq!(failover.standby_at(), None);
        failover.on_live(seconds(2), Backup);
        assert_eq!(failover.standby_at(), Some(Primary));
    }

    #[test]
    fn silence_of_a_second_switches_only_to_a_connection_that_lives() {
        let mut failover = Failover::new(seconds(0), Some(WARM));
        failover.on_live(seconds(1), Primary);
        let silent_since = Some(seconds(10));
        let standby = |alive_at| {
            Some(Standby {
                ready_since: seconds(2),
                alive_at: millis(alive_at),
            })
        };
        let switch = |now, standby| failover.should_switch(millis(now), silent_since, standby);
        assert!(!failover.is_suspicious(millis(10_500), silent_since));
        assert!(failover.is_suspicious(millis(10_600), silent_since));
        assert!(!switch(10_700, standby(10_650)));
        assert!(switch(10_800, standby(10_650)));
        // This computer's own network may be what is silent.
        assert!(!switch(12_000, standby(9_900)));
        assert!(!switch(12_000, None));
        assert!(!failover.should_switch(millis(12_000), None, standby(11_000)));
    }

    #[test]
    fn a_stream_returns_when_the_primary_was_well_for_half_a_minute() {
        let mut failover = Failover::new(seconds(0), Some(WARM));
        failover.on_live(seconds(1), Primary);
        assert!(!failover.should_return(seconds(100), ready_since(2)));
        failover.on_live(seconds(100), Backup);
        assert!(!failover.should_return(seconds(139), ready_since(110)));
        assert!(failover.should_return(seconds(140), ready_since(110)));
        assert!(!failover.should_return(seconds(140), None));

        let staying = Plan {
            return_to_primary: false,
            ..WARM
        };
        let mut failover = Failover::new(seconds(0), Some(staying));
        failover.on_live(seconds(1), Backup);
        assert!(!failover.should_return(seconds(1000), ready_since(2)));
    }

    #[test]
    fn a_primary_that_fails_after_each_return_is_given_longer_each_time() {
        let mut failover = Failover::new(seconds(0), Some(WARM));
        failover.on_live(seconds(0), Primary);
        let mut waits = Vec::new();
        let mut now = 1000;
        for _ in 0..7 {
            failover.on_live(seconds(now), Backup);
            waits.push(failover.well_for().as_secs());
            failover.on_live(seconds(now + 1), Primary);
            now += 60;
        }
        assert_eq!(waits, [30, 60, 120, 240, 480, 600, 600]);
        // A return that lasted is none to regret.
        failover.on_live(seconds(now + 1000), Backup);
        assert_eq!(failover.well_for(), WELL_FOR);
    }

    #[test]
    fn a_standby_connection_is_made_again_slowly() {
        let delays = [0, 1, 2, 3, 100].map(|failures| standby_delay(failures, 0.0).as_secs());
        assert_eq!(delays, [5, 10, 20, 30, 30]);
        assert_eq!(standby_delay(0, 1.0), Duration::from_millis(3750));
    }
}
