//! What goes into the law, and what comes of it.

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

    /// `video`, or the nearest that is allowed.
    pub(super) fn within(&self, video: Bitrate) -> Bitrate {
        video.max(self.floor).min(self.ceiling)
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
    /// Bytes that arrived on this connection so far, as far as is known. Those behind a gap count too: lost packets
    /// hold their acknowledgement up, and what is acknowledged then all at once is no rate.
    pub arrived: u64,
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
///
/// A way back up takes several steps, one a second or slower, that say the same: who tells them to people may
/// tell the first of a row with `better` set at once and the others together, as `from_kbps` of the first and
/// `to_kbps` of the last. While a way is full, a little more is tried every few seconds and taken back: nobody need
/// be told of that. Other changes for the worse are rare and each is worth telling.
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
