//! Cameras, microphones and the built-in test sources.
//!
//! | file | what it is about |
//! |---|---|
//! | [`source`] | what can be chosen, how a device is named, what may go wrong with it |

pub mod source;
