//! Whether the link is dead: data waits to be acknowledged, and nothing is.

use std::time::Duration;

use crate::units::MediaTime;

/// What waits on a connection, as the kernel has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Waiting {
    /// Bytes that were sent and not acknowledged so far.
    pub in_flight: u64,
    /// Bytes that were not sent yet.
    pub unsent: u64,
    /// How often in a row the peer's kernel was asked for room without an answer.
    pub unanswered: u32,
}

impl Waiting {
    /// Whether it is the peer's program that reads nothing, on a way that is alive: its kernel has no room and took
    /// all that it had room for, and it says so whenever it is asked.
    #[must_use]
    pub fn is_for_the_reader(self) -> bool {
        self.in_flight == 0 && self.unsent > 0 && self.unanswered < MOST_UNANSWERED
    }
}

/// Watches the count of acknowledged bytes.
#[derive(Clone, Debug)]
pub struct Watchdog {
    acknowledged: u64,
    /// When data began to wait without any progress since; `None` while nothing waits.
    waiting_since: Option<MediaTime>,
}

impl Watchdog {
    /// Watches from a count of `acknowledged` bytes on.
    #[must_use]
    pub const fn new(acknowledged: u64) -> Self {
        Self {
            acknowledged,
            waiting_since: None,
        }
    }

    /// Since when data waits without any progress; `None` while nothing waits.
    #[must_use]
    pub const fn waiting_since(&self) -> Option<MediaTime> {
        self.waiting_since
    }

    /// Takes note of how many bytes the peer has `acknowledged` so far and whether more are `pending`.
    /// Returns for how long nothing arrived, once that is too long.
    pub fn observe(
        &mut self,
        now: MediaTime,
        acknowledged: u64,
        pending: bool,
    ) -> Option<Duration> {
        if acknowledged != self.acknowledged || !pending {
            self.acknowledged = acknowledged;
            self.waiting_since = None;
        }
        if !pending {
            return None;
        }
        let since = *self.waiting_since.get_or_insert(now);
        let silent_for = now.since(since);
        (silent_for >= DEAD_AFTER).then_some(silent_for)
    }
}

/// How long pending data may wait without any progress. A person is to be told within 3 s: what is left is
/// the observer's interval. TCP retransmits after 0.2, 0.4, 0.8, ... s, so four losses in a row fit in.
pub const DEAD_AFTER: Duration = Duration::from_millis(2_850);

/// The last question may be on its way; before that, one may have been lost.
const MOST_UNANSWERED: u32 = 3;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_peer_that_reads_nothing_is_told_from_a_way_that_carries_nothing() {
        let waiting = |in_flight, unsent, unanswered| Waiting {
            in_flight,
            unsent,
            unanswered,
        };
        assert!(waiting(0, 50_000, 0).is_for_the_reader());
        assert!(waiting(0, 50_000, 1).is_for_the_reader());
        assert!(!waiting(1400, 50_000, 0).is_for_the_reader());
        assert!(!waiting(1400, 0, 0).is_for_the_reader());
        // It was full when the way died.
        assert!(!waiting(0, 50_000, 3).is_for_the_reader());
    }

    /// Observes every 100 ms from `from` to `to` milliseconds and returns when the link was found dead.
    fn watch(
        watchdog: &mut Watchdog,
        from: u64,
        to: u64,
        acknowledged: impl Fn(u64) -> u64,
        pending: bool,
    ) -> Option<u64> {
        (from..to).step_by(100).find(|&millis| {
            let now = MediaTime::from_millis(millis);
            watchdog
                .observe(now, acknowledged(millis), pending)
                .is_some()
        })
    }

    #[test]
    fn a_link_that_acknowledges_is_alive_however_slowly() {
        let mut watchdog = Watchdog::new(0);
        let one_byte_in_two_seconds = |millis| millis / 2000;
        let dead = watch(&mut watchdog, 0, 60_000, one_byte_in_two_seconds, true);
        assert_eq!(dead, None);
    }

    #[test]
    fn silence_with_data_pending_is_told_within_three_seconds() {
        let mut watchdog = Watchdog::new(0);
        assert_eq!(watch(&mut watchdog, 0, 5_000, |millis| millis, true), None);
        let dead = watch(&mut watchdog, 5_000, 60_000, |_| 4_900, true);
        let silent_for = dead.unwrap() - 4_900;
        assert!(silent_for <= 3_000, "{silent_for} ms");
        assert!(silent_for >= 2_850, "{silent_for} ms");
    }

    #[test]
    fn an_idle_link_is_not_dead_and_time_counts_from_when_data_waits() {
        let mut watchdog = Watchdog::new(7);
        assert_eq!(watch(&mut watchdog, 0, 60_000, |_| 7, false), None);
        let dead = watch(&mut watchdog, 60_000, 70_000, |_| 7, true);
        assert_eq!(dead, Some(60_000 + 2_900));
    }
}
