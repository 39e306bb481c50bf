//! Microphones: listing them, reading one on the program's time, taking it back when it returns.
//!
//! | file | what it is about |
//! |---|---|
//! | `list` | what is connected, by stable identity |
//! | `device` | what a microphone is here, wherever it comes from |
//! | `pulse` | those of a Linux desktop's sound server |
//! | `cards` | those of the operating system itself |
//! | `tap` | the rings an open device fills |
//! | `aligned` | from the rings to sound at exact times |
//! | `timeline` | when each frame in the ring was captured |
//! | `feed` | a microphone kept running: lost, retried, back |

mod aligned;
mod cards;
mod device;
mod feed;
mod list;
#[cfg(target_os = "linux")]
mod pulse;
mod tap;
mod timeline;

pub use aligned::Jump;
pub use feed::{LATENCY, MicrophoneFeed};
pub use list::{default, find, list};
