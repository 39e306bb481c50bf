//! The pipeline: sources to encoders to outputs.
//!
//! | file | what it is about |
//! |---|---|
//! | [`command`] | what may be asked of a running engine |
//! | [`event`] | what it tells: one stream for the window, the command line, the log |

pub mod command;
pub mod event;
