//! How loud the sound is: peak and RMS for meters.

use crate::units::Decibels;

/// Levels of both channels over one short span.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Levels {
    /// Highest sample, left and right.
    pub peak: [Decibels; 2],
    /// Root mean square, left and right.
    pub rms: [Decibels; 2],
    /// Whether a sample reached full scale.
    pub clipped: bool,
}
