//! What went wrong with a connection, in words a person can act on, and whether waiting can help.

use std::fmt;

/// Why publishing does not work (any more).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// Which of the known kinds this is.
    pub kind: FailureKind,
    /// What happened, naming the input: `No server answers at example.org, port 1935.`
    pub what: String,
    /// What to do about it: `Check the address; ...`
    pub remedy: String,
    /// The server's own words, where it had any.
    pub server_words: Option<String>,
}

/// The known kinds of failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FailureKind {
    /// The address itself is wrong; nothing was sent.
    Address,
    /// The name of the server is not known.
    UnknownHost,
    /// Nothing listens at that port.
    PortRefused,
    /// No way to the server, or no answer in time.
    Unreachable,
    /// The secure connection could not be made.
    Tls,
    /// What answered does not speak RTMP.
    NotRtmp,
    /// The server does not let us publish there: application, key or user.
    Refused,
    /// Somebody (perhaps our own lost connection) already publishes under that key.
    NameInUse,
    /// The server closed the connection.
    Closed,
    /// The connection stopped carrying data.
    Stalled,
    /// The server broke the protocol.
    Protocol,
}

impl Failure {
    /// Whether trying again later, unchanged, may work.
    #[must_use]
    pub fn may_mend(&self) -> bool {
        match self.kind {
            FailureKind::Address
            | FailureKind::Tls
            | FailureKind::NotRtmp
            | FailureKind::Refused => false,
            FailureKind::UnknownHost
            | FailureKind::PortRefused
            | FailureKind::Unreachable
            | FailureKind::NameInUse
            | FailureKind::Closed
            | FailureKind::Stalled
            | FailureKind::Protocol => true,
        }
    }
}

impl fmt::Display for Failure {
    /// One line: what happened, the server's words, what to do.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.what)?;
        if let Some(words) = &self.server_words {
            write!(f, " The server said: \"{words}\".")?;
        }
        write!(f, " {}", self.remedy)
    }
}

impl std::error::Error for Failure {}
