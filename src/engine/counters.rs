//! Counters that the pipeline's threads raise and the director reads.

use std::sync::atomic::{AtomicU64, Ordering};

/// What happened to pictures so far. Each only grows.
#[derive(Debug, Default)]
pub struct Counters {
    /// Came from the source.
    pub captured: Counter,
    /// Were to be encoded.
    pub offered: Counter,
    /// Were encoded.
    pub encoded: Counter,
    /// Bytes of those.
    pub encoded_bytes: Counter,
    /// Nanoseconds that encoding took.
    pub encoding: Counter,
    /// Were left out because this machine was too slow.
    pub skipped: Counter,
    /// Were left out by the encoder to keep the bitrate.
    pub withheld: Counter,
    /// Were left out on purpose: the uplink carries less than the lowest bitrate.
    pub thinned: Counter,
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
