//! Starting and stopping the program and its peers, and measuring what they recorded.
//!
//! | file | what it is about |
//! |---|---|
//! | `peer` | child processes that never outlive their test |
//! | `scene` | one test's turn, folder and environment |
//! | `program` | Skywave itself, run as a command |
//! | `nginx` | an RTMP server that records what it gets |
//! | `receiver` | our own receiver, saving what it gets |
//! | `servers` | other servers that keep what they get: FFmpeg, node-media-server |
//! | `sound_server` | a PulseAudio server without hardware |
//! | `display` | an X server without a screen, and a keyboard for it |
//! | `media` | what is in a recording, according to `ffmpeg` |
//! | `judge` | what must be so of our stream, whoever carried it |

pub(crate) mod display;
pub(crate) mod judge;
pub(crate) mod media;
pub(crate) mod nginx;
pub(crate) mod peer;
pub(crate) mod program;
pub(crate) mod receiver;
pub(crate) mod scene;
pub(crate) mod servers;
pub(crate) mod sound_server;
