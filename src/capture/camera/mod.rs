//! Cameras: listing them, choosing a format, reading one and taking it back when it returns.
//!
//! | file | what it is about |
//! |---|---|
//! | `list` | what is connected, by stable identity |
//! | `format` | the best of a camera's formats for what is wanted |
//! | `reader` | one open camera: its pictures as I420 |
//! | `feed` | a camera kept running: lost, retried, back |
//! | `device` | the seam to the operating system |
//! | `v4l2` | cameras on Linux, through Video4Linux |
//! | `native` | cameras on Windows and macOS, through nokhwa |

mod device;
mod feed;
mod format;
mod list;
mod reader;

#[cfg(not(target_os = "linux"))]
mod native;
#[cfg(target_os = "linux")]
mod v4l2;

#[cfg(not(target_os = "linux"))]
use native as platform;
#[cfg(target_os = "linux")]
use v4l2 as platform;

pub use device::DeliveredPicture;
pub use feed::CameraFeed;
pub use format::best_format;
pub use list::{find, list};
pub use reader::Pictures;
