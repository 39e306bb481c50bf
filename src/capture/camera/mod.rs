//! Cameras: listing them, choosing a format, reading one and taking it back when it returns.
//!
//! | file | what it is about |
//! |---|---|
//! | `list` | what is connected, by stable identity |
//! | `format` | the best of a camera's formats for what is wanted |
//! | `reader` | one open camera: its pictures as I420 |
//! | `feed` | a camera kept running: lost, retried, back |
//! | `system` | what only one operating system knows of a camera |

mod feed;
mod format;
mod list;
mod reader;
mod system;

pub use feed::CameraFeed;
pub use format::best_format;
pub use list::{find, list};
