//! Pictures, sound and time, free of devices and codecs.
//!
//! | file | what it is about |
//! |---|---|
//! | [`clock`] | the one monotonic clock |
//! | [`frame`] | raw pictures (I420) |
//! | [`level`] | how loud the sound is |
//! | [`packet`] | encoded pictures and sound, ready for any output |

pub mod clock;
pub mod frame;
pub mod level;
pub mod packet;
