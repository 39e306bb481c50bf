//! The same engine without a window.
//!
//! | file | what it is about |
//! |---|---|
//! | [`args`] | what may be typed |
//! | [`exit`] | how the program ends: its statuses |
//! | [`output`] | standard output and error |
//! | [`sources`] | from what was typed to devices |
//! | [`destination`] | from what was typed to destinations |
//! | [`live`] | `skywave live` |
//! | [`report`] | the report's two files |
//! | [`story`] | what happens, as lines for people or as JSON |
//! | [`check`] | `skywave check` |
//! | [`receive`] | `skywave receive` |
//! | [`devices`] | `skywave devices` |
//! | [`window`] | `skywave` without a command |

pub mod args;
pub mod check;
pub mod destination;
pub mod devices;
pub mod exit;
pub mod live;
pub mod output;
pub mod receive;
pub mod report;
pub mod sources;
pub mod story;
pub mod window;
