//! How the program ends: its exit statuses and the one line that explains them.

use std::{fmt, process::ExitCode};

use crate::rtmp::refusal::{Failure, FailureKind};

/// The exit statuses, as documented in `skywave --help`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExitStatus {
    /// All went as asked.
    Ok = 0,
    /// The check found problems, or this computer failed.
    Problems = 1,
    /// What was typed cannot be right.
    Usage = 2,
    /// A camera or microphone cannot be used.
    Device = 3,
    /// The server refused; trying again will not help.
    Refused = 4,
    /// The network did not come (back) in the time allowed.
    Network = 5,
    /// The recording could not be written (the stream was not affected).
    Recording = 6,
}

impl From<ExitStatus> for ExitCode {
    fn from(status: ExitStatus) -> Self {
        Self::from(status as u8)
    }
}

/// An end before its time: a status and one line for standard error.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exit {
    /// The status.
    pub status: ExitStatus,
    /// What is wrong, naming the input and the remedy.
    pub message: String,
}

impl Exit {
    /// An end with `status`, explained by `message`.
    pub fn new(status: ExitStatus, message: impl fmt::Display) -> Self {
        Self {
            status,
            message: message.to_string(),
        }
    }
}

impl From<&Failure> for ExitStatus {
    fn from(failure: &Failure) -> Self {
        match failure.kind {
            FailureKind::Address => Self::Usage,
            FailureKind::Local => Self::Problems,
            _ if failure.may_mend() => Self::Network,
            _ => Self::Refused,
        }
    }
}
