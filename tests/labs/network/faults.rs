//! What can break, and what must be said of it.

use super::{lab::Lab, server::Server};

/// What can break between a publisher and its server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The uplink carries 2 Mb/s instead of 6.
    SlowUplink,
    /// Packets vanish.
    BlackHole,
    /// The client's own interface is down.
    CableOut,
    /// The server's program is not there, and its port refuses.
    ServerDown,
    /// The server's program is killed; when it is over it is started anew.
    ServerKilled,
    /// The server's program stands still.
    ServerHangs,
    /// The server closes the connection, once.
    ServerCloses,
    /// The server closes the connection, and its name cannot be looked up any more.
    NameUnknown,
}

/// What must be told of a fault.
pub(crate) struct Expected {
    /// The state that the stream is in.
    pub(crate) state: &'static str,
    /// The cause that is named.
    pub(crate) cause: &'static str,
    /// One of these stands in the words.
    pub(crate) words: &'static [&'static str],
}

impl Fault {
    /// In words, for tables.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::SlowUplink => "uplink 6 → 2 → 6 Mb/s",
            Self::BlackHole => "black hole",
            Self::CableOut => "cable out",
            Self::ServerDown => "port refuses",
            Self::ServerKilled => "server killed and restarted",
            Self::ServerHangs => "server stops reading",
            Self::ServerCloses => "server closes",
            Self::NameUnknown => "name cannot be looked up",
        }
    }

    /// Breaks it.
    pub(crate) fn begin(self, lab: &Lab, server: &mut Server) {
        match self {
            Self::SlowUplink => lab.limit_uplink(Some(SLOW_KBPS)),
            Self::BlackHole => lab.black_hole(true),
            Self::CableOut => lab.plug_in(false),
            Self::ServerDown | Self::ServerKilled => server.kill(),
            Self::ServerHangs => server.hang(),
            Self::ServerCloses => Server::drop_publisher(lab),
            Self::NameUnknown => {
                lab.names_can_be_looked_up(false);
                Server::drop_publisher(lab);
            }
        }
    }

    /// Makes it well again.
    pub(crate) fn end(self, lab: &Lab, server: &mut Server) {
        match self {
            Self::SlowUplink => lab.limit_uplink(Some(FULL_KBPS)),
            Self::BlackHole => lab.black_hole(false),
            Self::CableOut => lab.plug_in(true),
            Self::ServerDown | Self::ServerKilled => server.restart(lab),
            Self::ServerHangs => server.wake(),
            Self::ServerCloses => {}
            Self::NameUnknown => lab.names_can_be_looked_up(true),
        }
    }

    /// Seconds until it can be felt: a system goes on taking what its buffers hold, whatever its server does.
    pub(crate) fn felt_after(self) -> f64 {
        if self == Self::ServerHangs { 0.5 } else { 0.0 }
    }

    /// What must be told of it within [`NAMED_WITHIN`](super::schedule::NAMED_WITHIN).
    pub(crate) fn expected(self) -> Expected {
        let (state, cause, words): (_, _, &[&str]) = match self {
            Self::SlowUplink => ("live", "uplink", &["b/s"]),
            Self::BlackHole => ("reconnecting", "uplink", &["arrived"]),
            Self::CableOut => ("reconnecting", "uplink", &["cable", "network"]),
            Self::ServerDown | Self::ServerKilled => {
                ("reconnecting", "server", &["refused", "closed", "answers"])
            }
            Self::ServerHangs => ("reconnecting", "server", &["took nothing"]),
            Self::ServerCloses => ("reconnecting", "server", &["closed", "ended"]),
            Self::NameUnknown => ("reconnecting", "uplink", &["name", "found"]),
        };
        Expected {
            state,
            cause,
            words,
        }
    }
}

/// What the uplink carries when it is well, where it is limited at all.
pub(crate) const FULL_KBPS: u32 = 6000;
/// What it carries when it is not.
pub(crate) const SLOW_KBPS: u32 = 2000;
