//! Cameras, microphones and the built-in test sources.
//!
//! | file | what it is about |
//! |---|---|
//! | [`source`] | what can be chosen, how a device is named, what may go wrong with it |
//! | [`naming`] | names that are unique, devices found by them |
//! | [`camera`] | cameras: listing, choosing a format, reading one and taking it back |
//! | [`microphone`] | microphones: listing, reading one on the program's time and taking it back |
//! | [`test_picture`] | moving bars, clock, frame number and flash |
//! | [`tone`] | the beep that goes with the flash |
//! | [`slate`] | what is shown while a camera is away |

pub mod camera;
pub mod naming;
pub mod slate;
pub mod source;
pub mod test_picture;
pub mod tone;
