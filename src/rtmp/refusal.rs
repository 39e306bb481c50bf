//! What went wrong with a connection, in words a person can act on, and whether waiting can help.
//!
//! Every failure is made here, by a constructor such as [`Failure::port_refused`], so that all of them name the
//! server in the same way, say what to do, and never show a stream key.
//!
//! | file | what it is about |
//! |---|---|
//! | `cause` | every known cause, with its words: the table that `docs/refusals.md` is made from |
//! | `way` | failures before RTMP: DNS, TCP, proxy, TLS |
//! | `login` | logging in, and being sent elsewhere |
//! | `server` | what the server said, or did not say |
//! | `publisher` | what the publisher decides by itself |
//! | `whose` | whether it is the server's doing or the way's |
//! | `remarks` | what servers remark while the stream goes on |
//! | `words` | making a server's words and codes fit to be shown, and what they hint at |

mod cause;
mod login;
mod publisher;
mod remarks;
mod server;
mod way;
mod whose;
mod words;

use std::fmt;

pub use cause::Cause;
pub use remarks::remark;
use words::filled;
pub use words::presentable;

use super::url::ServerUrl;
use crate::secret::Secret;

/// Why publishing does not work (any more).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// Why, as exactly as can be told.
    pub cause: Cause,
    /// Which broad kind that is.
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
    /// This computer could not do its part.
    Local,
}

/// Whom a failure is about: the part of an address that may be shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Peer {
    /// Name or IP address.
    pub host: String,
    /// TCP port.
    pub port: u16,
    /// The application, `live` in `rtmp://example.org/live`. What follows it in the path is left out:
    /// people paste whole addresses, key and all.
    pub app: String,
}

impl Peer {
    /// The server and application of `url`.
    #[must_use]
    pub fn of(url: &ServerUrl) -> Self {
        let app = url.app.split(['/', '?']).next().unwrap_or_default();
        Self {
            host: url.host.clone(),
            port: url.port,
            app: app.to_owned(),
        }
    }
}

impl fmt::Display for Peer {
    /// `example.org, port 1935`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, port {}", self.host, self.port)
    }
}

/// How far a connection had come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Step {
    /// RTMP's first bytes.
    Handshake,
    /// `connect`: the application was named.
    Connect,
    /// `createStream`.
    CreateStream,
    /// `publish`: the key was named.
    Publish,
    /// The server accepted the stream a moment ago.
    Accepted,
    /// The stream goes on.
    Publishing,
}

impl Failure {
    /// What is wrong on our own side, in the words of whoever found it; nothing was sent.
    #[must_use]
    pub fn of_ours(cause: Cause, what: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self {
            cause,
            kind: cause.kind(),
            what: what.into(),
            remedy: remedy.into(),
            server_words: None,
        }
    }

    /// Whether trying again later, unchanged, may work.
    #[must_use]
    pub fn may_mend(&self) -> bool {
        self.kind.may_mend()
    }

    /// Why that usually is.
    #[must_use]
    pub fn likely(&self) -> &'static str {
        self.cause.likely()
    }

    /// What the server said, made fit to be shown: one line, not too long, and without the key that some
    /// servers repeat in their answers. Where the words name a cause that the status did not, it is taken over.
    #[must_use]
    pub fn with_server_words(mut self, words: &str, key: &Secret) -> Self {
        self.server_words = presentable(words, key);
        if let Some(cause) = words::hint(self.cause, words) {
            self.cause = cause;
            self.kind = cause.kind();
            cause.remedy().clone_into(&mut self.remedy);
        }
        self
    }

    /// The failure that `cause` is for `peer`; `slots` are what its sentences leave open beside the peer.
    fn new(cause: Cause, peer: &Peer, slots: &[(&str, &str)]) -> Self {
        let value = |slot: &str| match slot {
            "server" => peer.to_string(),
            "host" => peer.host.clone(),
            "app" => peer.app.clone(),
            other => {
                let given = slots.iter().find(|(name, _)| *name == other);
                given.map_or(String::new(), |(_, value)| (*value).to_owned())
            }
        };
        let what = filled(cause.happened(), value);
        Self::of_ours(cause, what, filled(cause.remedy(), value))
    }
}

impl FailureKind {
    /// Whether trying again later, unchanged, may work.
    #[must_use]
    pub fn may_mend(self) -> bool {
        match self {
            Self::Address | Self::Tls | Self::NotRtmp | Self::Refused | Self::Local => false,
            Self::UnknownHost
            | Self::PortRefused
            | Self::Unreachable
            | Self::NameInUse
            | Self::Closed
            | Self::Stalled
            | Self::Protocol => true,
        }
    }
}

impl fmt::Display for Failure {
    /// One line: what happened, the server's words, why that usually is, what to do.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.what)?;
        if let Some(words) = &self.server_words {
            write!(f, " The server said: \"{words}\".")?;
        }
        write!(f, " {} {}", self.likely(), self.remedy)
    }
}

impl std::error::Error for Failure {}

#[cfg(test)]
mod tests;
