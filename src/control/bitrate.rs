//! How much picture the way to a server carries: the bitrate to encode with, decided from what one connection
//! shows of itself.

use std::time::Duration;

use crate::units::{Bitrate, MediaTime};

/// What the user allows for the picture's bitrate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RateLimits {
    /// Never less, however little the way carries.
    pub floor: Bitrate,
    /// Never more; where it starts.
    pub ceiling: Bitrate,
    /// Whether the bitrate follows the way. If not, it is always `ceiling`, and frames are left out instead.
    pub adaptive: bool,
}

impl RateLimits {
    /// Always `bitrate`.
    #[must_use]
    pub const fn fixed(bitrate: Bitrate) -> Self {
        Self {
            floor: bitrate,
            ceiling: bitrate,
            adaptive: false,
        }
    }
}

/// What one connection shows of itself at one moment; taken ten times a second.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct LinkSample {
    /// When.
    pub now: MediaTime,
    /// Media that waits in our own queue, by its duration.
    pub queue: Duration,
    /// Bytes given to the connection that are not on their way yet: ours and the kernel's.
    pub unsent: u64,
    /// Bytes on their way, not acknowledged; zero where the system does not tell.
    pub in_flight: u64,
    /// Bytes acknowledged on this connection so far.
    pub acknowledged: u64,
    /// Bytes of media that the encoders put into the queue so far.
    pub produced: u64,
    /// Round trip, where the system tells.
    pub round_trip: Option<Duration>,
}

/// What an output would like to be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Advice {
    /// The picture's bitrate.
    pub video: Bitrate,
    /// How many of its frames.
    pub pace: Pace,
}

/// How many frames are encoded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Pace {
    /// All of them.
    #[default]
    Full,
    /// Every second one: even the floor is too much.
    Half,
    /// Only key frames, so that sound and a picture stay.
    Still,
}

/// A change of [`Advice`], and why.
#[derive(Clone, Debug, PartialEq)]
pub struct Change {
    /// What is advised now.
    pub advice: Advice,
    /// Whether it is for the better.
    pub better: bool,
    /// One plain sentence with numbers.
    pub reason: String,
    /// The numbers it was decided from.
    pub figures: Vec<Figure>,
}

/// One number of a decision, for machines.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Figure {
    /// What it is, as in JSON: `queue_ms`.
    pub name: &'static str,
    /// In the unit that the name ends in.
    pub value: f64,
}

/// Decides for one connection.
#[derive(Clone, Debug)]
pub struct BitrateControl {
    limits: RateLimits,
    advice: Advice,
}

impl BitrateControl {
    /// Begins at the ceiling; `audio` is sent in any case.
    #[must_use]
    pub fn new(limits: RateLimits, audio: Bitrate) -> Self {
        let _ = audio;
        Self {
            limits,
            advice: Advice {
                video: limits.ceiling,
                pace: Pace::Full,
            },
        }
    }

    /// What is advised now.
    #[must_use]
    pub fn advice(&self) -> Advice {
        self.advice
    }

    /// The user changed the limits.
    pub fn set_limits(&mut self, limits: RateLimits, now: MediaTime) -> Option<Change> {
        let _ = now;
        self.limits = limits;
        None
    }

    /// A new connection begins: nothing that was measured on the last one counts, but what it carried.
    pub fn on_connected(&mut self, now: MediaTime) {
        let _ = now;
    }

    /// Takes in what the connection shows; returns a change of mind.
    pub fn observe(&mut self, sample: &LinkSample) -> Option<Change> {
        let _ = sample;
        None
    }
}
