//! The preflight check: what viewers would get, decoded again from what a receiver got.
//!
//! | file | what it is about |
//! |---|---|
//! | [`analysis`] | takes a received stream apart and judges it |
//! | [`picture`] | the picture's track: decoding, frame times, brightness |
//! | [`sound`] | the sound's track: decoding, loudness, onsets |
//! | [`sync`] | how far sound and picture are apart |
//! | [`report`] | what was found, for people and for programs |

pub mod analysis;
pub mod picture;
pub mod report;
pub mod sound;
pub mod sync;

pub use analysis::{Analysis, Expected};
pub use report::{Report, Verdict};
