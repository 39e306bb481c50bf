//! Microphones: listing them, reading one on the program's time, taking it back when it returns.
//!
//! | file | what it is about |
//! |---|---|
//! | `list` | what is connected, by stable identity |
//! | `tap` | an open device: its callback, and the rings it fills |
//! | `aligned` | from the rings to sound at exact times |
//! | `feed` | a microphone kept running: lost, retried, back |

mod aligned;
mod feed;
mod list;
mod tap;

pub use aligned::Jump;
pub use feed::{LATENCY, MicrophoneFeed};
pub use list::{default, find, list};
