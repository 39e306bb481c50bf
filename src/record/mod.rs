//! Recording to disk, safe against crashes.
//!
//! | file | what it is about |
//! |---|---|
//! | [`recorder`] | the recorder: a queue, a thread, a file that plays at any time |
//! | [`target`] | where to record, file names, creating the file |
//! | [`error`] | what goes wrong with disks, in words |

pub mod error;
pub mod recorder;
pub mod target;

pub use error::RecordError;
pub use recorder::{Recorder, RecorderEvent, sync_to_disk};
pub use target::RecordingTarget;
