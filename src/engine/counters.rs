//! Counters that the pipeline's threads raise and the director reads.

use std::sync::atomic::{AtomicU64, Ordering};

/// What happened to pictures so far. Each only grows.
#[derive(Debug, Default)]
pub struct Counters {
    /// Came from the source.
    pub captured: Counter,
    /// Were encoded.
    pub encoded: Counter,
    /// Were left out because this machine was too slow.
    pub skipped: Counter,
    /// Were left out by the encoder to keep the bitrate.
    pub withheld: Counter,
}

/// One counter. Only its value matters, never its order relative to others: relaxed is enough.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    /// Adds `count`.
    pub fn add(&self, count: u64) {
        self.0.fetch_add(count, Ordering::Relaxed);
    }

    /// The count so far.
    #[must_use]
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}
