//! What was decided or noticed, in its order; when it becomes too much, what matters least goes first.

use std::collections::VecDeque;

use crate::engine::event::{Decision, Severity};

/// A decision and when it was heard, in milliseconds since going live was asked for.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// When.
    pub at: u64,
    /// What.
    pub decision: Decision,
}

/// Decisions, bounded.
#[derive(Clone, Debug, Default)]
pub struct Log {
    entries: VecDeque<Entry>,
    omitted: u64,
}

impl Log {
    /// Adds a decision; the oldest that is good news or information gives way, else the oldest.
    pub fn push(&mut self, at: u64, decision: Decision) {
        if self.entries.len() == MOST {
            let dispensable = self.entries.iter().position(|entry| {
                matches!(entry.decision.severity, Severity::Good | Severity::Info)
            });
            self.entries.remove(dispensable.unwrap_or(0));
            self.omitted += 1;
        }
        self.entries.push_back(Entry { at, decision });
    }

    /// What is kept, the oldest first.
    pub fn entries(&self) -> impl DoubleEndedIterator<Item = &Entry> {
        self.entries.iter()
    }

    /// How many gave way.
    #[must_use]
    pub fn omitted(&self) -> u64 {
        self.omitted
    }
}

/// More than a person reads.
const MOST: usize = 1_000;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{engine::event::Cause, units::MediaTime};

    #[test]
    fn what_matters_least_gives_way_first() {
        let mut log = Log::default();
        for number in 0..3 * MOST as u64 {
            let severity = if number % 10 == 0 {
                Severity::Error
            } else {
                Severity::Info
            };
            let decision = Decision {
                at: MediaTime::ZERO,
                severity,
                cause: Cause::Uplink,
                text: String::new(),
                figures: Vec::new(),
                destination: None,
            };
            log.push(number, decision);
        }
        let errors = |entry: &&Entry| entry.decision.severity == Severity::Error;
        assert_eq!(log.entries().count(), MOST);
        assert_eq!(log.entries().filter(errors).count(), 3 * MOST / 10);
        assert_eq!(log.omitted(), 2 * MOST as u64);
    }
}
