//! How often a stream may move from one server to another while it is live.

use std::{collections::VecDeque, time::Duration};

use crate::units::MediaTime;

/// The moves that were tried lately. A server that sends its publishers round in circles is obeyed no faster
/// than this allows.
#[derive(Clone, Debug, Default)]
pub struct Moves {
    tried: VecDeque<MediaTime>,
    failed_at: Option<MediaTime>,
}

impl Moves {
    /// When the next move may be tried, at the earliest; a time that has passed means at once.
    #[must_use]
    pub fn allowed_at(&self) -> MediaTime {
        let after_others = match self.tried.front() {
            Some(&first) if self.tried.len() >= MOST_MOVES => first + WINDOW,
            _ => MediaTime::ZERO,
        };
        let after_failure = self
            .failed_at
            .map_or(MediaTime::ZERO, |at| at + RETRY_DELAY);
        after_others.max(after_failure)
    }

    /// A move is tried at `now`.
    pub fn on_try(&mut self, now: MediaTime) {
        if self.tried.len() >= MOST_MOVES {
            self.tried.pop_front();
        }
        self.tried.push_back(now);
        self.failed_at = None;
    }

    /// The move that was tried last did not work out.
    pub fn on_failure(&mut self, now: MediaTime) {
        self.failed_at = Some(now);
    }
}

/// How many moves are tried within [`WINDOW`].
const MOST_MOVES: usize = 5;
/// Over how long they are counted.
const WINDOW: Duration = Duration::from_mins(1);
/// How long after a move that did not work out the next is tried.
const RETRY_DELAY: Duration = Duration::from_secs(5);

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(seconds: u64) -> MediaTime {
        MediaTime::from_millis(seconds * 1000)
    }

    #[test]
    fn five_moves_a_minute_are_made_at_once_and_the_sixth_waits() {
        let mut moves = Moves::default();
        for second in 100..105 {
            assert!(moves.allowed_at() <= seconds(second));
            moves.on_try(seconds(second));
        }
        assert_eq!(moves.allowed_at(), seconds(160));
        moves.on_try(seconds(160));
        assert_eq!(moves.allowed_at(), seconds(161));
        assert_eq!(moves.tried.len(), MOST_MOVES);
    }

    #[test]
    fn a_move_that_failed_is_tried_again_after_a_pause() {
        let mut moves = Moves::default();
        moves.on_try(seconds(10));
        moves.on_failure(seconds(12));
        assert_eq!(moves.allowed_at(), seconds(17));
        moves.on_try(seconds(17));
        assert!(moves.allowed_at() <= seconds(17));
    }
}
